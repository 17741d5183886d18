"""Linear warm-up, then half a cosine down to a floor.

Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017, without the restarts;
Goyal et al., "Accurate, large minibatch SGD", 2017, for the warm-up.
"""

from __future__ import annotations

import math

from torch.optim import Optimizer

from pellucid.scheduler.base import StepSchedule, check_floor, warm, warmup_steps


class WarmupCosine(StepSchedule):
    """The rate climbs linearly to the optimizer's, then falls as half a cosine, at each step.

    ``warmup``: a share of the steps, in [0, 1); ``warmup_epochs``: in its place, epochs. ``floor``: where it
    ends, a share of the rate. Raises UserError, also where the warm-up is as long as the training.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        *,
        total_steps: int,
        steps_per_epoch: int,
        warmup: float = 0.05,
        warmup_epochs: float | None = None,
        floor: float = 0.0,
    ) -> None:
        check_floor(floor)
        up = warmup_steps(warmup, warmup_epochs, total_steps, steps_per_epoch)

        def share(step: int) -> float:
            if step < up:
                return warm(step, up)
            part = min(1.0, (step - up) / max(1, total_steps - up))
            return floor + (1 - floor) * (1 + math.cos(math.pi * part)) / 2

        super().__init__(optimizer, share, total_steps=total_steps)
