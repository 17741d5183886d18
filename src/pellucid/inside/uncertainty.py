"""How far a figure over images may be off.

Axes: N images, R resamples.
"""

from __future__ import annotations

import numpy as np

RESAMPLES = 2000


def interval(values_N: np.ndarray, *, seed: int, level: float = 0.95) -> tuple[float, float]:
    """A percentile bootstrap interval of the mean over images (Efron 1979).

    It is the uncertainty of having these images and not others; that of training again is not in it.
    """
    random = np.random.default_rng(seed)
    values_N = values_N.astype(np.float64)
    means_R = [values_N[random.integers(0, len(values_N), len(values_N))].mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(means_R, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
