"""The reliability diagram."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import to_rgb

from pellucid.draw.calibration import draw_calibration
from pellucid.draw.sheet import COLOURS
from pellucid.metrics.calibration import calibration


def test_bins_without_images_have_no_point() -> None:
    one = calibration(np.array([0.95, 0.95]), np.array([True, False]), bins=10)
    many = calibration(np.linspace(0.05, 0.95, 10), np.ones(10, bool), bins=10)
    colour = np.array(to_rgb(COLOURS[0])) * 255
    drawn = []
    for found in (one, many):
        picture = draw_calibration(found, title="Calibration", note="a rather long note " * 8)
        assert (picture[:, -1] == 255).all()
        assert (picture[-1] == 255).all()
        drawn.append(int((np.abs(picture - colour.round()).max(axis=2) <= 1).sum()))
    assert 0 < 5 * drawn[0] < drawn[1]
