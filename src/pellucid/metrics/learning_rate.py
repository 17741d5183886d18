"""The learning rate that a range test shows: losses over rising rates, smoothed, and which rate they choose.

Smith, "Cyclical learning rates for training neural networks", 2017, for the test.
Axes: S steps of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from pellucid.errors import UserError

Rule = Literal["valley", "steepest"]
SMOOTHING = 0.8  # which part of itself the mean of the losses keeps at a step
WORSE = 4  # times the least smoothed loss: the test has ended where it is more
MIN_STEPS = 10
FALL = 0.02  # of the first loss: less is no fall
RULES = {
    "valley": "two thirds through the longest fall of the smoothed loss",
    "steepest": "where the smoothed loss falls fastest",
}


@dataclass(frozen=True)
class RangeTest:
    """``lr_S`` and ``loss_S``, smoothed ``smooth_S``; the rate that was ``chosen``, at step ``index``, by a
    ``rule``; ``diverged``: whether the loss had grown too large before the last rate.
    """

    lr_S: np.ndarray
    loss_S: np.ndarray
    smooth_S: np.ndarray
    rule: Rule
    index: int
    diverged: bool

    @property
    def still_falls(self) -> bool:
        """Whether the loss is least at the highest rates, so that a higher one may be better."""
        return int(self.smooth_S.argmin()) >= len(self.lr_S) - 2

    @property
    def chosen(self) -> float:
        """Rounded to two digits, as more are not known."""
        return float(f"{self.lr_S[self.index]:.1e}")


def smoothed(loss_S: np.ndarray) -> np.ndarray:
    """The exponential moving mean, without the bias of its first values."""
    smooth_S, mean = np.empty(len(loss_S)), 0.0
    for step, loss in enumerate(loss_S):
        mean = SMOOTHING * mean + (1 - SMOOTHING) * float(loss)
        smooth_S[step] = mean / (1 - SMOOTHING ** (step + 1))
    return smooth_S


def has_diverged(loss_S: np.ndarray) -> bool:
    """Whether the last loss, smoothed, is far above the least, or no number."""
    if not np.isfinite(loss_S[-1]):
        return True
    smooth_S = smoothed(loss_S)
    return len(loss_S) > MIN_STEPS and bool(smooth_S[-1] > WORSE * smooth_S.min())


def choose_rate(lr_S: np.ndarray, loss_S: np.ndarray, rule: Rule = "valley") -> RangeTest:
    """The rate of a test. Raises UserError where losses say nothing: they diverge at once, or never fall."""
    if rule not in RULES:
        raise UserError(f"rule={rule}: expected {' or '.join(RULES)}.")
    diverged = bool(len(loss_S)) and has_diverged(loss_S)
    finite = np.isfinite(loss_S)
    count = int(np.argmin(finite)) if not finite.all() else len(loss_S)
    lr_S, loss_S = lr_S[:count], loss_S[:count]
    if count < MIN_STEPS:
        at = f"{lr_S[-1]:.2g}" if count else "the first"
        raise UserError(
            f"The learning rate could not be found: after {count} steps, at {at}, the loss is no finite "
            "number any more. Begin at a smaller rate, low=1e-9, or set optimizer.lr=<number>."
        )
    smooth_S = smoothed(loss_S)
    least = int(smooth_S.argmin())
    # The first losses of the mean are few images each: the fall is that from the loss of small rates on.
    first = float(smooth_S[: max(MIN_STEPS // 2, 1)].mean())
    if first - smooth_S[least] < FALL * abs(first) or least < 2:
        raise UserError(
            f"The learning rate could not be found: the loss never falls below {first:.4g}, where it began, "
            f"from {lr_S[0]:.2g} to {lr_S[-1]:.2g}. Look at the data and the loss, or set "
            "optimizer.lr=<number>."
        )
    if least < MIN_STEPS // 2:
        raise UserError(
            f"The learning rate could not be found: the loss rises from the lowest rates on, {lr_S[0]:.2g}"
            f" to {lr_S[-1]:.2g}. Begin lower, low={lr_S[0] / 1000:.2g}, or set optimizer.lr=<number>."
        )
    index = _valley(smooth_S) if rule == "valley" else _steepest(lr_S, smooth_S, least)
    return RangeTest(lr_S, loss_S, smooth_S, rule, index, diverged)


def _valley(smooth_S: np.ndarray) -> int:
    """Two thirds through the longest falling run of losses, as fastai's ``valley``; rises are left out."""
    count = len(smooth_S)
    length, before = np.ones(count, dtype=int), np.full(count, -1)
    for step in range(1, count):  # the longest falling subsequence that ends there
        higher = np.flatnonzero(smooth_S[:step] > smooth_S[step])
        if len(higher):
            best = higher[int(length[higher].argmax())]
            length[step], before[step] = length[best] + 1, best
    run = [int(length.argmax())]
    while before[run[-1]] >= 0:
        run.append(int(before[run[-1]]))
    run.reverse()
    return run[2 * (len(run) - 1) // 3]


def _steepest(lr_S: np.ndarray, smooth_S: np.ndarray, least: int) -> int:
    """Where the loss falls most over the logarithm of the rate, before it is least."""
    slope_S = np.gradient(smooth_S[: least + 1], np.log(lr_S[: least + 1]))
    skipped = min(MIN_STEPS // 2, len(slope_S) - 1)  # of single batches, whose losses jump
    return skipped + int(slope_S[skipped:].argmin())
