"""The confusion matrix of predictions, by hand."""

from __future__ import annotations

import torch

from pellucid.metrics.predictions import Predictions
from pellucid.view.confusion import confusion


def test_rows_are_true_and_columns_predicted() -> None:
    predictions = Predictions(
        torch.arange(4), torch.tensor([0, 0, 0, 1]), {"predicted": torch.tensor([0, 1, 1, 1])}
    )
    matrix = confusion(predictions, ["cat", "dog", "eel"])
    assert matrix.classes == ("cat", "dog", "eel")
    assert matrix.counts_KK.tolist() == [[1, 2, 0], [0, 1, 0], [0, 0, 0]]
    assert matrix.texts(0) == ("1.000", "0.333", "0.500", "3")
    assert matrix.texts(1) == ("0.333", "1.000", "0.500", "1")
    assert matrix.texts(2) == ("–", "–", "–", "0"), "never met, never said"
    assert matrix.pairs(5) == [(0, 1, 2)]
    assert matrix.shares[0].tolist() == [1 / 3, 2 / 3, 0]
