"""The exponential moving average of weights.

Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", 1992; Morales-Brotons et al.,
"Exponential moving average of weights in deep learning", 2024.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from pellucid.average.base import Average
from pellucid.system.ranges import check_range


class EMA(Average):
    """After each step the average keeps ``decay`` of itself, in [0, 1), and takes the rest from the weights.

    ``warmup``: at the n-th step at most (1 + n) / (10 + n), so that short trainings forget where they began,
    as TensorFlow's average does. Raises UserError.
    """

    title = "exponential moving average"
    each: Literal["step", "epoch"] = "step"
    statistics: Literal["averaged", "estimated"] = "averaged"

    def __init__(self, *, decay: float = 0.999, warmup: bool = True) -> None:
        check_range("average.decay", decay)
        self.decay, self.warmup = decay, warmup

    def decay_at(self, count: int) -> float:
        """Which part of itself the average keeps when it takes its value number ``count``, from 0."""
        return min(self.decay, (1 + count) / (10 + count)) if self.warmup else self.decay

    def update(self, averages: list[Tensor], values: list[Tensor], count: int) -> None:
        update = get_ema_multi_avg_fn(self.decay_at(count))  # type: ignore[no-untyped-call]
        update(averages, values, count)
