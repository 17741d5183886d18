"""Paired tests: whether two nets differ in what they get right of the same images.

Axes: N images.
"""

from __future__ import annotations

import numpy as np


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
