"""Bins of confidence by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pellucid.metrics.predictions import Predictions
from pellucid.view.calibration import calibration


def test_bins_have_wilson_intervals_and_empty_ones_none() -> None:
    confidence_N = torch.tensor([0.99, 0.99, 0.5, 0.5])
    values = {"predicted": torch.tensor([1, 1, 0, 0]), "confidence": confidence_N}
    found = calibration(Predictions(torch.arange(4), torch.tensor([1, 1, 0, 1]), values))
    assert np.flatnonzero(found.images_M).tolist() == [7, 14]
    assert found.accuracy_M[[7, 14]].tolist() == [0.5, 1.0]
    assert found.ece == pytest.approx(0.005)
    z2 = 1.959964**2
    assert found.low_M[14] == pytest.approx(2 / (2 + z2), abs=1e-6)
    assert found.high_M[14] == pytest.approx(1)
    assert found.low_M[7] + found.high_M[7] == pytest.approx(1)
    assert np.isnan(found.low_M[0])
