"""The reliability diagram."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import to_rgb

from pellucid.draw.calibration import draw_calibration, draw_calibrations
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


def test_two_diagrams_side_by_side_have_one_scale() -> None:
    before = calibration(np.full(1000, 0.95), np.arange(1000) < 700, bins=10)
    after = calibration(np.linspace(0.6, 0.8, 1000), np.arange(1000) < 700, bins=10)
    picture = draw_calibrations(before, after, title="Calibration", note="", captions=("a", "b"))
    colour = np.array(to_rgb(COLOURS[0])) * 255
    blue = np.abs(picture - colour.round()).max(axis=2) <= 1
    left, right = np.array_split(blue, 2, axis=1)
    assert left.any()
    assert right.any()
    assert (picture[:, -1] == 255).all()
