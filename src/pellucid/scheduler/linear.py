"""Linear warm-up, then a straight line down to a floor.

Defazio et al., "Optimal linear decay learning rate schedules and further refinements", 2023.
"""

from __future__ import annotations

from torch.optim import Optimizer

from pellucid.scheduler.base import StepSchedule, check_floor, warm, warmup_steps


class Linear(StepSchedule):
    """The rate climbs linearly to the optimizer's, then falls in a straight line, at each step.

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
            return 1 - (1 - floor) * part

        super().__init__(optimizer, share, total_steps=total_steps)
