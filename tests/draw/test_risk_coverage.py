"""The risk–coverage curve."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from pellucid.draw.risk_coverage import MAX_POINTS, draw_risk_coverage
from pellucid.draw.sheet import COLOURS
from pellucid.metrics.selective import risk_coverage


@pytest.mark.parametrize("count", [1, 2, 10, 3 * MAX_POINTS])
def test_of_few_and_of_many_images(count: int) -> None:
    random = np.random.default_rng(0)
    confidence_N = random.uniform(0.5, 1, count)
    curve = risk_coverage(confidence_N, random.random(count) < confidence_N)
    picture = draw_risk_coverage(curve, title="Risk and coverage", note="images")
    assert (picture[:, -1] == 255).all()
    assert (picture[-1] == 255).all()


def test_no_error_at_all_is_a_line_on_the_ground() -> None:
    curve = risk_coverage(np.linspace(0.5, 1, 50), np.ones(50, bool))
    picture = draw_risk_coverage(curve, title="Risk and coverage", note="images")
    blue = np.abs(picture - np.round(np.array(to_rgb(COLOURS[0])) * 255)).max(axis=2) <= 1
    assert blue.any()
    assert curve.aurc == 0
