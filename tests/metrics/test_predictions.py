"""Per-image predictions, by hand."""

import pytest
import torch

from pellucid.metrics.predictions import Predictions


def test_by_hand() -> None:
    predictions = Predictions(
        index_N=torch.tensor([7, 8, 9, 10]),
        labels_N=torch.tensor([0, 1, 1, 0]),
        values={
            "predicted": torch.tensor([0, 0, 1, 1]),
            "confidence": torch.tensor([0.9, 0.6, 0.8, 0.7]),
        },
    )
    assert predictions.accuracy() == 0.5
    assert predictions.worst_mistakes(5).index_N.tolist() == [10, 8]
    assert predictions.worst_mistakes(1).confidence.tolist() == [pytest.approx(0.7)]
