"""Selective classification: answers above a threshold of confidence alone, how many and how often wrong.

Coverage is the share of images that get an answer, selective risk the share of wrong ones among these
(El-Yaniv and Wiener, "On the foundations of noise-free selective classification", 2010).

Axes: N images, C coverages, U thresholds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.metrics.intervals import wilson

LEVEL = 0.95  # of the guarantee


@dataclass(frozen=True)
class RiskCoverage:
    """Selective risk of the surest image, the two surest, … all N, and ``confidence_N``, the highest first.

    ``low_N``, ``high_N``: ends of the risk's 95 % interval (Wilson 1927). ``aurc``: the mean risk over all
    coverages, the area under the curve, lower is better; ``least_aurc``: of the same errors, had they been
    the least sure images (Geifman, Uziel and El-Yaniv, "Bias-reduced uncertainty estimation", 2019).
    """

    confidence_N: np.ndarray
    coverage_N: np.ndarray
    risk_N: np.ndarray
    low_N: np.ndarray
    high_N: np.ndarray
    least_risk_N: np.ndarray
    aurc: float
    least_aurc: float

    @property
    def error(self) -> float:
        """The share of all images that are wrong."""
        return float(self.risk_N[-1])

    def coverage_at(self, threshold: float) -> float:
        """The share of images at least so confident."""
        return float((self.confidence_N >= threshold).mean())

    def risk_at(self, threshold: float) -> float:
        """The share of wrong ones among images at least so confident; NaN where there are none."""
        count = int((self.confidence_N >= threshold).sum())
        return float(self.risk_N[count - 1]) if count else float("nan")


def risk_coverage(confidence_N: np.ndarray, right_N: np.ndarray) -> RiskCoverage:
    """The curve. Among images of the same confidence the wrong ones count as evenly spread."""
    order_N = np.argsort(-confidence_N, kind="stable")
    sorted_N, wrong_N = confidence_N[order_N], ~right_N.astype(bool)[order_N]
    count_N = np.arange(1, len(order_N) + 1)
    ends = np.flatnonzero(np.append(np.diff(sorted_N) != 0, True))
    wrongs_N = np.interp(count_N, [0, *count_N[ends]], [0, *np.cumsum(wrong_N)[ends]])
    risk_N = wrongs_N / count_N
    low_N, high_N = wilson(risk_N, count_N)
    right = len(order_N) - int(wrong_N.sum())
    least_risk_N = np.maximum(count_N - right, 0) / count_N
    return RiskCoverage(
        confidence_N=sorted_N,
        coverage_N=count_N / len(order_N),
        risk_N=risk_N,
        low_N=low_N,
        high_N=high_N,
        least_risk_N=least_risk_N,
        aurc=float(risk_N.mean()),
        least_aurc=float(least_risk_N.mean()),
    )


@dataclass(frozen=True)
class Selection:
    """A threshold of confidence and what came of it: of ``images`` so many ``answered``, and ``wrong``.

    ``guaranteed``: what the selective risk of other images like these is at most, with 95 % confidence; None
    where the threshold was not chosen for that.
    """

    threshold: float
    images: int
    answered: int
    wrong: int
    guaranteed: float | None = None

    @property
    def coverage(self) -> float:
        """The share of images that get an answer, in [0, 1]."""
        return self.answered / self.images

    @property
    def risk(self) -> float:
        """The share of wrong answers; NaN without any."""
        return self.wrong / self.answered if self.answered else float("nan")

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % interval of the risk (Wilson 1927); None without answers."""
        if not self.answered:
            return None
        (low,), (high,) = wilson(np.array([self.risk]), np.array([self.answered]))
        return float(low), float(high)


def select(confidence_N: np.ndarray, right_N: np.ndarray, threshold: float) -> Selection:
    """What came of images that were at least so confident."""
    answered_N = confidence_N >= threshold
    wrong = int((answered_N & ~right_N.astype(bool)).sum())
    return Selection(threshold, len(confidence_N), int(answered_N.sum()), wrong)


def guaranteed_threshold(
    confidence_N: np.ndarray, right_N: np.ndarray, risk: float, level: float = LEVEL
) -> Selection | None:
    """A low threshold of which the selective risk is at most ``risk`` with probability ``level``; None where
    these images cannot show that of any.

    SGR, "selection with guaranteed risk", of Geifman and El-Yaniv, "Selective classification for deep neural
    networks", 2017: a binary search among the images' confidences; the exact binomial bound of each that is
    tried (Clopper and Pearson 1934) at a part of 1 − ``level`` that holds for all that are tried together.
    """
    return _search(confidence_N, right_N, risk, level)[0]


def least_guaranteed(
    confidence_N: np.ndarray, right_N: np.ndarray, risk: float, level: float = LEVEL
) -> float:
    """The least risk that the search for ``risk`` has shown of a threshold: for that risk one is found."""
    return _search(confidence_N, right_N, risk, level)[1]


def _search(
    confidence_N: np.ndarray, right_N: np.ndarray, risk: float, level: float
) -> tuple[Selection | None, float]:
    """The lowest threshold that was found, and the least bound of all that were tried."""
    candidates_U = np.unique(confidence_N)
    share = (1 - level) / len(candidates_U).bit_length()  # so many are tried at most
    low, high, best, least = 0, len(candidates_U), None, 1.0
    while low < high:
        middle = (low + high) // 2
        tried = select(confidence_N, right_N, float(candidates_U[middle]))
        bound = binomial_bound(tried.wrong, tried.answered, share)
        least = min(least, bound)
        if bound <= risk:
            best = Selection(tried.threshold, tried.images, tried.answered, tried.wrong, bound)
            high = middle
        else:
            low = middle + 1
    return best, least


def binomial_bound(wrong: int, answered: int, share: float) -> float:
    """The upper end for a probability of which so few or fewer would be wrong with probability ``share``."""
    from scipy.stats import beta

    return 1.0 if wrong >= answered else float(beta.ppf(1 - share, wrong + 1, answered - wrong))
