"""Tests of differences, by hand and beside those of scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pellucid.metrics.significance import holm, mcnemar, paired_t_test, welch_t_test


def test_mcnemar_by_hand() -> None:
    one = np.array([1] * 6 + [0] * 1 + [1] * 3 + [0] * 2, dtype=bool)
    other = np.array([0] * 6 + [1] * 1 + [1] * 3 + [0] * 2, dtype=bool)
    first, second, p = mcnemar(one, other)
    assert (first, second) == (6, 1)
    assert p == pytest.approx(2 * (7 + 1) / 2**7)
    assert mcnemar(one, one) == (0, 0, 1.0)


def test_paired_and_welchs_t_tests_are_those_of_scipy() -> None:
    random = np.random.default_rng(0)
    first, second = random.normal(0, 1, 6), random.normal(1, 2, 6)
    pairs = list(zip(first.tolist(), second.tolist(), strict=True))
    assert paired_t_test(pairs) == pytest.approx(stats.ttest_rel(first, second).pvalue)
    welch = stats.ttest_ind(first, second[:4], equal_var=False).pvalue
    assert welch_t_test(first.tolist(), second[:4].tolist()) == pytest.approx(welch)


def test_what_does_not_vary_tells_nothing() -> None:
    assert paired_t_test([(0.9, 0.8), (0.8, 0.7)]) == 1
    assert paired_t_test([(0.9, 0.8)]) == 1
    assert welch_t_test([0.9, 0.9], [0.8, 0.8]) == 1


def test_holm_by_hand() -> None:
    # In order 0.01 × 4, 0.02 × 3, 0.03 × 2 (not below 0.06), 0.5.
    assert holm([0.02, 0.5, 0.01, 0.03]) == pytest.approx([0.06, 0.5, 0.04, 0.06])
    assert holm([0.4, 0.6]) == [0.8, 0.8]
    assert holm([]) == []
