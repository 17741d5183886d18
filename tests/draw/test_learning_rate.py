"""The picture of a range test."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.draw.learning_rate import draw_range_test
from pellucid.metrics.learning_rate import RangeTest, choose_rate, smoothed


def test_it_shows_the_chosen_rate() -> None:
    rates = np.geomspace(1e-6, 1, 60)
    losses = np.concatenate([np.full(20, 2.0), np.linspace(2, 0.5, 30), np.linspace(1, 90, 10)])
    picture = draw_range_test(choose_rate(rates, losses), title="t", note="SGD")
    assert (picture[:, -1] == 255).all()
    green = (picture == np.array([0, 121, 92])).all(-1)
    assert green.sum() > 50


@pytest.mark.parametrize("index", [0, 11])
def test_a_rate_at_either_end_is_named_within_the_page(index: int) -> None:
    rates, losses = np.geomspace(1e-3, 1, 12), np.linspace(2, 1, 12)
    test = RangeTest(rates, losses, smoothed(losses), "steepest", index, diverged=False)
    picture = draw_range_test(test, title="t")
    assert (picture[:, -1] == 255).all()
