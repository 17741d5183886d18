"""Coverage and risk, by hand on ten images, and what a guarantee is worth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from pellucid.metrics.selective import (
    binomial_bound,
    guaranteed_threshold,
    least_guaranteed,
    risk_coverage,
    select,
)

CONFIDENCE_N = np.array([0.55, 0.99, 0.6, 0.9, 0.97, 0.7, 0.8, 0.95, 0.65, 0.85])
RIGHT_N = np.array([False, True, False, True, True, True, False, True, True, True])


def test_ten_images_by_hand() -> None:
    curve = risk_coverage(CONFIDENCE_N, RIGHT_N)  # from the surest: 5 right, wrong, 2 right, 2 wrong
    assert curve.confidence_N.tolist() == [0.99, 0.97, 0.95, 0.9, 0.85, 0.8, 0.7, 0.65, 0.6, 0.55]
    risks = [0, 0, 0, 0, 0, 1 / 6, 1 / 7, 1 / 8, 2 / 9, 3 / 10]
    assert curve.risk_N == pytest.approx(risks)
    assert curve.coverage_N == pytest.approx(np.arange(1, 11) / 10)
    assert curve.aurc == pytest.approx(np.mean(risks))
    assert curve.least_aurc == pytest.approx((1 / 8 + 2 / 9 + 3 / 10) / 10), "the three wrong ones last"
    assert curve.error == pytest.approx(0.3)
    assert (curve.coverage_at(0.8), curve.risk_at(0.8)) == pytest.approx((0.6, 1 / 6))
    assert np.isnan(curve.risk_at(0.999))
    chosen = select(CONFIDENCE_N, RIGHT_N, 0.8)
    assert (chosen.answered, chosen.wrong, chosen.coverage) == (6, 1, 0.6)
    assert chosen.risk == pytest.approx(1 / 6)
    assert chosen.interval is not None
    assert chosen.interval[0] < chosen.risk < chosen.interval[1]
    none = select(CONFIDENCE_N, RIGHT_N, 0.999)
    assert (none.coverage, none.interval) == (0, None)


def test_images_of_one_confidence_have_no_order() -> None:
    right_N = np.array([True, False, True, False])
    for order in ([0, 1, 2, 3], [1, 3, 0, 2]):
        assert risk_coverage(np.full(4, 0.7), right_N[order]).risk_N == pytest.approx(0.5)


def test_the_bound_is_clopper_and_pearsons() -> None:
    assert binomial_bound(0, 100, 0.05) == pytest.approx(1 - 0.05 ** (1 / 100))
    bound = binomial_bound(3, 50, 0.01)
    assert binom.cdf(3, 50, bound) == pytest.approx(0.01)
    assert binomial_bound(7, 7, 0.05) == 1


def test_a_low_threshold_is_found_and_none_is_where_too_few_images_are() -> None:
    confidence_N = np.linspace(0.5, 1, 2001)[:2000]
    wrong_N = confidence_N < 0.6
    chosen = guaranteed_threshold(confidence_N, ~wrong_N, 0.05)
    assert chosen is not None
    assert chosen.guaranteed is not None
    assert chosen.risk < chosen.guaranteed <= 0.05
    assert 0.58 < chosen.threshold < 0.6, "some of the wrong ones may be answered"
    assert chosen.answered == (confidence_N >= chosen.threshold).sum()
    assert guaranteed_threshold(CONFIDENCE_N, RIGHT_N, 0.05) is None


def test_what_is_said_to_be_the_least_is_found() -> None:
    random = np.random.default_rng(3)
    for _ in range(50):
        confidence_N = random.uniform(0.5, 1, 120)
        right_N = random.random(120) < confidence_N
        assert guaranteed_threshold(confidence_N, right_N, 0.02) is None
        least = least_guaranteed(confidence_N, right_N, 0.02)
        found = guaranteed_threshold(confidence_N, right_N, least)
        assert found is not None
        assert found.guaranteed is not None
        assert found.guaranteed <= least


def test_the_guarantee_holds_as_often_as_it_says() -> None:
    """Images whose confidence is right: the true risk above a threshold θ of uniform ones is (1 − θ)/2."""
    random = np.random.default_rng(0)
    broken = found = 0
    for _ in range(200):
        confidence_N = random.uniform(0.5, 1, 400)
        chosen = guaranteed_threshold(confidence_N, random.random(400) < confidence_N, 0.2)
        if chosen is not None:
            found += 1
            broken += (1 - chosen.threshold) / 2 > 0.2
    assert found > 150
    assert broken / found <= 0.05
