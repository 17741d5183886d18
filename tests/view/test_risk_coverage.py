"""Risk and coverage of predictions."""

from __future__ import annotations

import pytest
import torch

from pellucid.metrics.predictions import Predictions
from pellucid.view.risk_coverage import risk_coverage


def test_it_is_of_the_predicted_class() -> None:
    values = {"predicted": torch.tensor([1, 1, 0, 0]), "confidence": torch.tensor([0.9, 0.8, 0.6, 0.7])}
    found = risk_coverage(Predictions(torch.arange(4), torch.tensor([1, 0, 0, 0]), values))
    assert found.risk_N == pytest.approx([0, 1 / 2, 1 / 3, 1 / 4])
    assert found.aurc == pytest.approx((1 / 2 + 1 / 3 + 1 / 4) / 4)
