"""Intervals, beside those that are known, and those of scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from pellucid.metrics.intervals import (
    RESAMPLES,
    auroc_interval,
    bootstrap,
    mean_interval,
    paired_interval,
    wilson,
)


def test_the_interval_of_a_share_is_the_binomial_one() -> None:
    values = np.arange(400) % 5 == 0  # a share of 0.2
    low, high = bootstrap(lambda places: values[places].mean(), 400, seed=0)
    half = 1.96 * (0.2 * 0.8 / 400) ** 0.5
    assert [low, high] == pytest.approx([0.2 - half, 0.2 + half], abs=0.005)
    assert bootstrap(lambda places: values[places].mean(), 400, seed=0) == (low, high)
    assert bootstrap(lambda places: np.full(7, 0.25)[places].mean(), 7, seed=0) == (0.25, 0.25)
    (low,), (high,) = wilson(np.array([1.0]), np.array([10]))
    assert [low, high] == pytest.approx([0.7225, 1], abs=1e-4)


def test_bootstrap_and_wilson_are_those_of_scipy() -> None:
    values = np.random.default_rng(1).random(100)
    known = stats.bootstrap(
        (np.arange(100),),
        lambda places: float(values[places].mean()),
        n_resamples=RESAMPLES,
        batch=100,
        vectorized=False,
        method="percentile",
        random_state=np.random.default_rng(3),
    ).confidence_interval
    own = bootstrap(lambda places: float(values[places].mean()), 100, seed=3)
    assert own == pytest.approx(tuple(known), rel=1e-12)
    lows, highs = wilson(np.array([0.0, 0.3, 1.0]), np.array([10, 10, 10]))
    for hits, low, high in zip((0, 3, 10), lows, highs, strict=True):
        assert (low, high) == pytest.approx(
            tuple(stats.binomtest(hits, 10).proportion_ci(method="wilson")), abs=1e-7
        )


def test_a_single_image_is_the_same_in_every_resample() -> None:
    assert bootstrap(lambda places: float(len(places)), 1, seed=0) == (1.0, 1.0)


def test_the_interval_of_a_paired_difference() -> None:
    low, high = paired_interval(10, 40, 1000)
    half = 1.96 * (50 - 30**2 / 1000) ** 0.5 / 1000  # Wald's, which it nears
    assert [low, high] == pytest.approx([0.03 - half, 0.03 + half], abs=5e-4)
    assert paired_interval(0, 0, 2) == pytest.approx((-0.48999, 0.48999), abs=1e-5), "none differ, and yet"


def test_the_interval_of_an_auroc() -> None:
    random = np.random.default_rng(0)
    positive = np.arange(600) % 3 == 0
    scores = random.normal(size=600) + positive
    area = roc_auc_score(positive, scores)
    low, high = auroc_interval(scores, positive, seed=0)
    # Hanley and McNeil 1982.
    first, second, m, n = area / (2 - area), 2 * area**2 / (1 + area), 200, 400
    spread = (area * (1 - area) + (m - 1) * (first - area**2) + (n - 1) * (second - area**2)) / (m * n)
    assert [low, high] == pytest.approx([area - 1.96 * spread**0.5, area + 1.96 * spread**0.5], abs=0.01)
    assert auroc_interval(-scores, positive, seed=0) == pytest.approx((1 - high, 1 - low)), "mirrored"
    assert auroc_interval(np.zeros(9), positive[:9], seed=0) == (0.5, 0.5), "ties are half a pair"
    perfect = auroc_interval(positive + 0.0, positive, seed=0)
    assert perfect == pytest.approx([v[0] for v in wilson(np.array([1.0]), np.array([200]))])
    with pytest.raises(ValueError, match="both sides"):
        auroc_interval(scores, np.ones(600, bool), seed=0)


def test_the_interval_of_a_mean_is_that_of_students_t() -> None:
    # Mean 4, squared deviations 4 + 0 + 4, standard deviation 2; t is 4.3027 with two degrees of freedom.
    assert mean_interval([2, 4, 6]) == pytest.approx(4.30265 * 2 / 3**0.5, rel=1e-5)
    values = np.random.default_rng(0).random(7)
    low, high = stats.t.interval(0.95, 6, loc=values.mean(), scale=stats.sem(values))
    assert mean_interval(values.tolist()) == pytest.approx((high - low) / 2)
    assert mean_interval([0.5, 0.5]) == 0
    for none in ([], [0.5], [0.5, float("nan")], [0.5, float("inf")]):
        assert mean_interval(none) is None
