"""Calibration, by hand and as torchmetrics has it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import multiclass_calibration_error

from pellucid.metrics.calibration import calibration


def test_calibration_by_hand_and_as_torchmetrics_has_it() -> None:
    found = calibration(np.array([0.95, 0.95, 0.55, 0.55]), np.array([1, 0, 1, 1]), bins=10)
    assert found.images_M.tolist() == [0, 0, 0, 0, 0, 2, 0, 0, 0, 2]
    assert found.ece == pytest.approx((2 * 0.45 + 2 * 0.45) / 4)
    random = torch.Generator().manual_seed(0)
    shares = torch.randn(500, 4, generator=random).mul(2).softmax(1)
    labels = torch.randint(4, (500,), generator=random)
    confidence, said = shares.max(1)
    own = calibration(confidence.numpy(), (said == labels).numpy()).ece
    assert own == pytest.approx(float(multiclass_calibration_error(shares, labels, 4, n_bins=15)), abs=1e-5)
