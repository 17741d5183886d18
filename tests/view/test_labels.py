"""Labels of predictions by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pellucid.metrics.predictions import Predictions
from pellucid.view.labels import label_calibration, labels

SCORES = torch.tensor([[0.9, 0.2], [0.4, 0.8]])


def predictions(thresholds: torch.Tensor | None) -> Predictions:
    values = {"scores": SCORES, "has": SCORES >= 0.5}
    true = torch.tensor([[True, False], [True, True]])
    return Predictions(torch.arange(2), torch.full((2,), -1), values, true, thresholds)


def test_labels_of_predictions() -> None:
    scores = labels(predictions(torch.tensor([0.5, 0.25])), ("cat", "dog"))
    assert scores.images_K.tolist() == [2, 1]
    assert scores.f1_K == pytest.approx(np.array([2 / 3, 1]))
    assert scores.texts(1) == ("1.000", "1.000", "1.000", "1.000", "0.250", "1")
    assert "threshold" not in labels(predictions(None), ("cat", "dog")).heads


def test_calibration_of_all_labels_pooled() -> None:
    bins = label_calibration(predictions(None))
    assert bins.images_M.sum() == 4
    assert bins.ece == pytest.approx((0.1 + 0.2 + 0.6 + 0.2) / 4)
