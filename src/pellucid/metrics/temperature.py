"""Temperature scaling: a number by which scores are divided, so that probabilities are as right as they say.

Guo et al., "On calibration of modern neural networks", 2017: the T with the least negative log-likelihood on
validation. That is convex in 1/T, so there is one minimum, and no class gets ahead of another by it.

Axes: N images, K classes or labels.
"""

from __future__ import annotations

from functools import partial

import numpy as np

LEAST, MOST = 0.01, 100.0  # between which a temperature is looked for
TOLERANCE = 1e-12  # of 1/T


def negative_log_likelihoods(
    scores_NK: np.ndarray, targets: np.ndarray, temperature: float = 1.0
) -> np.ndarray:
    """Of each image at that temperature, (N,) float64: the cross-entropy of ``targets`` (N,), classes; or the
    mean over its labels of the binary one, of bool ``targets`` (N, K).
    """
    scaled_NK = scores_NK.astype(np.float64) / temperature
    if targets.ndim == 2:
        losses_NK = np.logaddexp(0, scaled_NK) - scaled_NK * targets
        losses_N: np.ndarray = losses_NK.mean(axis=1)
        return losses_N
    from scipy.special import logsumexp

    found: np.ndarray = logsumexp(scaled_NK, axis=1) - scaled_NK[np.arange(len(targets)), targets]
    return found


def fit_temperature(scores_NK: np.ndarray, targets: np.ndarray) -> float:
    """The temperature of the least mean negative log-likelihood of scores before softmax, or before the
    sigmoid where ``targets`` are bool (N, K), one for all labels.

    Raises ValueError, which says why, where there is none between 0.01 and 100.
    """
    if bad := int((~np.isfinite(scores_NK)).any(axis=1).sum()):
        raise ValueError(f"{bad:,} of {len(scores_NK):,} images get scores that are no numbers")
    from scipy.optimize import brentq

    slope = partial(_slope, scores_NK.astype(np.float64), targets)
    if slope(1 / MOST) >= 0:
        raise ValueError(
            "the scores tell no more than chance: any temperature would be the better, the larger"
        )
    if slope(1 / LEAST) <= 0:
        raise ValueError("they are told without an error: any temperature would be the better, the smaller")
    temperature = 1 / float(brentq(slope, 1 / MOST, 1 / LEAST, xtol=TOLERANCE))
    before, after = (
        negative_log_likelihoods(scores_NK, targets, value).mean() for value in (1.0, temperature)
    )
    return temperature if after < before else 1.0  # where it is 1 up to rounding


def _slope(scores_NK: np.ndarray, targets: np.ndarray, inverse: float) -> float:
    """The derivative of the mean negative log-likelihood by 1/T; it never falls."""
    from scipy.special import expit, softmax

    if targets.ndim == 2:
        return float(((expit(inverse * scores_NK) - targets) * scores_NK).mean())
    expected_N = (softmax(inverse * scores_NK, axis=1) * scores_NK).sum(axis=1)
    return float((expected_N - scores_NK[np.arange(len(targets)), targets]).mean())
