"""Tests of differences: of two nets on the same images, of means over seeds, and of several at once.

Axes: N images.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

EQUAL = 1e-9  # of the largest, differences of rounding


def mcnemar(right_N: np.ndarray, other_right_N: np.ndarray) -> tuple[int, int, float]:
    """Images that only the first, and only the second got right, and the exact p-value of no difference.

    McNemar, "Note on the sampling error of the difference between correlated proportions", 1947; two-sided
    binomial, of the same images for both.
    """
    from scipy.stats import binomtest

    first = int((right_N & ~other_right_N).sum())
    second = int((~right_N & other_right_N).sum())
    p = float(binomtest(first, first + second).pvalue) if first + second else 1.0
    return first, second, p


def paired_t_test(pairs: Sequence[tuple[float, float]]) -> float:
    """The two-sided p-value of no difference in the mean, of values that belong together (Student 1908).

    1 where all differences are the same, of which it knows nothing.
    """
    differences = np.array([first - second for first, second in pairs])
    count = len(differences)
    if count < 2 or np.ptp(differences) < EQUAL * max(1e-300, float(np.abs(differences).max())):
        return 1.0
    statistic = differences.mean() / (differences.std(ddof=1) / np.sqrt(count))
    return _two_sided(float(statistic), count - 1)


def welch_t_test(first: Sequence[float], second: Sequence[float]) -> float:
    """The two-sided p-value of no difference in the mean of two samples of any variances (Welch 1947).

    1 where neither varies.
    """
    parts = [np.var(values, ddof=1) / len(values) for values in (first, second)]
    if min(len(first), len(second)) < 2 or sum(parts) == 0:
        return 1.0
    freedom = sum(parts) ** 2 / sum(
        part**2 / (len(values) - 1) for part, values in zip(parts, (first, second), strict=True)
    )
    return _two_sided(float((np.mean(first) - np.mean(second)) / np.sqrt(sum(parts))), float(freedom))


def _two_sided(statistic: float, freedom: float) -> float:
    from scipy.stats import t

    return float(2 * t.sf(abs(statistic), freedom))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values of several tests, so that any is below a level by chance as seldom as one alone.

    Holm, "A simple sequentially rejective multiple test procedure", 1979: the smallest times their number,
    the next times one fewer, never below one before.
    """
    adjusted, largest = [1.0] * len(p_values), 0.0
    for rank, index in enumerate(np.argsort(p_values, kind="stable").tolist()):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted
