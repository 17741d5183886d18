"""How far a figure over images may be off.

Axes: N images, R resamples, M shares.
"""

from __future__ import annotations

import numpy as np

RESAMPLES = 2000


def interval(values_N: np.ndarray, *, seed: int, level: float = 0.95) -> tuple[float, float]:
    """A percentile bootstrap interval of the mean over images (Efron 1979).

    It is the uncertainty of having these images and not others; that of training again is not in it.
    Where all images are right or all wrong, no resample differs: there the interval is Wilson's.
    """
    if values_N.dtype == bool and values_N.all() == values_N.any():
        low, high = wilson(values_N.mean(keepdims=True), np.array([len(values_N)]))
        return float(low[0]), float(high[0])
    random = np.random.default_rng(seed)
    values_N = values_N.astype(np.float64)
    means_R = [values_N[random.integers(0, len(values_N), len(values_N))].mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(means_R, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def wilson(share_M: np.ndarray, images_M: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95 % intervals of M shares of images, right also for few images (Wilson 1927)."""
    z = 1.959964
    middle_M = (share_M + z**2 / (2 * images_M)) / (1 + z**2 / images_M)
    spread_M = share_M * (1 - share_M) / images_M + z**2 / (4 * images_M**2)
    half_M = z / (1 + z**2 / images_M) * np.sqrt(spread_M)
    return np.maximum(middle_M - half_M, 0), np.minimum(middle_M + half_M, 1)
