"""Numbers of predictions by hand."""

from __future__ import annotations

import pytest
import torch

from pellucid.metrics.predictions import Predictions
from pellucid.view.numbers import numbers


def test_numbers_of_predictions() -> None:
    values = {"numbers": torch.tensor([[1.0], [4.0]])}
    predictions = Predictions(torch.arange(2), torch.full((2,), -1), values, torch.tensor([[2.0], [4.0]]))
    found = numbers(predictions, ("angle",))
    assert found.predicted_NK.tolist() == [[1], [4]]
    assert found.true_NK.tolist() == [[2], [4]]
    assert found.scores.mae_K == pytest.approx(0.5)
