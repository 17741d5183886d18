"""Confidence intervals of figures over images, and of means over seeds.

Axes: N images, R resamples, M shares, G values that differ.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Collection
from functools import lru_cache

import numpy as np

RESAMPLES = 1000
Z = 1.959964  # standard deviations to either end of a normal 95 % interval


def bootstrap(
    statistic: Callable[[np.ndarray], float], images: int, *, seed: int, level: float = 0.95
) -> tuple[float, float]:
    """The percentile interval of ``statistic``, which gets the places of as many images, drawn again (Efron
    1979).

    Not numbers where the statistic of some resample is none.
    """
    random = np.random.default_rng(seed)  # as scipy.stats.bootstrap, which is slower and refuses one image
    values_R = [statistic(random.integers(0, images, images)) for _ in range(RESAMPLES)]
    low, high = np.quantile(values_R, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def wilson(share_M: np.ndarray, images_M: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95 % intervals of M shares of images, right also for few images (Wilson 1927)."""
    middle_M = (share_M + Z**2 / (2 * images_M)) / (1 + Z**2 / images_M)
    spread_M = share_M * (1 - share_M) / images_M + Z**2 / (4 * images_M**2)
    half_M = Z / (1 + Z**2 / images_M) * np.sqrt(spread_M)
    return np.maximum(middle_M - half_M, 0), np.minimum(middle_M + half_M, 1)


def paired_interval(first: int, second: int, count: int) -> tuple[float, float]:
    """The 95 % interval of how much larger the second's share of right images is than the first's.

    ``first``, ``second``: images that only the one got right, of ``count``. Agresti and Min, "Simple improved
    confidence intervals for comparing matched proportions", 2005: right also where none or few differ.
    """
    images, differ = count + 2, second - first
    middle = differ / images
    half = Z * np.sqrt(first + second + 1 - differ**2 / images) / images
    return float(max(middle - half, -1)), float(min(middle + half, 1))


def mean_interval(values_N: Collection[float]) -> float | None:
    """Half the width of the 95 % interval of a mean of independent, nearly normal values (Student 1908).

    None of fewer than two values, which have none, or where one is not finite.
    """
    count = len(values_N)
    if count < 2 or not all(map(math.isfinite, values_N)):
        return None
    return _student(count - 1) * statistics.stdev(values_N) / math.sqrt(count)


@lru_cache
def _student(freedom: int) -> float:
    """Standard errors to either end of a 95 % interval."""
    from scipy.stats import t

    return float(t.ppf(0.975, freedom))


def auroc_interval(
    scores_N: np.ndarray, positive_N: np.ndarray, *, seed: int, level: float = 0.95
) -> tuple[float, float]:
    """A percentile bootstrap interval of the area under the ROC curve, each side resampled by itself.

    Where every positive scores above every negative, or below, no resample differs: there the interval is
    Wilson's for as many pairs as share no image. Raises ValueError for a side without images.
    """
    positive_N = positive_N.astype(bool)
    sides = [np.flatnonzero(positive_N), np.flatnonzero(~positive_N)]
    if not all(map(len, sides)):
        raise ValueError("The area under the ROC curve needs images of both sides.")
    values_G, group_N = np.unique(scores_N, return_inverse=True)
    random = np.random.default_rng(seed)

    def area(positives_P: np.ndarray, negatives_P: np.ndarray) -> float:
        """The share of pairs in which the positive scores higher; ties are half a pair."""
        positives_G, negatives_G = (
            np.bincount(group_N[index_P], minlength=len(values_G)) for index_P in (positives_P, negatives_P)
        )
        below_G = np.cumsum(negatives_G) - negatives_G / 2
        return float((positives_G * below_G).sum() / (len(positives_P) * len(negatives_P)))

    observed = area(*sides)
    if observed in (0.0, 1.0):
        pairs = np.array([min(map(len, sides))])
        lows, highs = wilson(np.array([observed]), pairs)
        return float(lows[0]), float(highs[0])
    areas_R = [
        area(*(side[random.integers(0, len(side), len(side))] for side in sides)) for _ in range(RESAMPLES)
    ]
    low, high = np.quantile(areas_R, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
