"""What the schedules here have in common: how long a training is, the warm-up, and a run that goes on."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from pellucid.errors import UserError, counted
from pellucid.system.ranges import check_range

log = logging.getLogger(__name__)


class StepSchedule(LambdaLR):
    """A learning rate that is a function of the step: each group's own times ``share(step)``, in [0, 1].

    ``total_steps``: of the optimizer in the whole training, of which ``warmup_steps`` are the warm-up. After
    a resume with another number of steps the rate is that of the new function, which is told.
    """

    def __init__(self, optimizer: Optimizer, share: Callable[[int], float], *, total_steps: int) -> None:
        self.total_steps = total_steps
        super().__init__(optimizer, share)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        before = [group["lr"] for group in self.optimizer.param_groups]
        super().load_state_dict({**state_dict, "total_steps": self.total_steps})
        rates = [
            float(base * share(self.last_epoch))
            for base, share in zip(self.base_lrs, self.lr_lambdas, strict=True)
        ]
        set_rates(self, rates)
        tell_length(state_dict.get("total_steps"), self.total_steps, before, rates)


class WarmupSchedule(StepSchedule, ABC):
    """The rate climbs linearly to the optimizer's, then falls as ``remaining`` says, at each step.

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
        check_range("scheduler.floor", floor)
        up = warmup_steps(warmup, warmup_epochs, total_steps, steps_per_epoch)

        def share(step: int) -> float:
            if step < up:
                return warm(step, up)
            part = min(1.0, (step - up) / max(1, total_steps - up))
            return floor + (1 - floor) * self.remaining(part)

        super().__init__(optimizer, share, total_steps=total_steps)

    @staticmethod
    @abstractmethod
    def remaining(part: float) -> float:
        """What is left of the rate, from 1 to 0, when that ``part`` of the fall, from 0 to 1, is over."""


def set_rates(schedule: Any, rates: list[float]) -> None:
    """Give each group of the scheduler's optimizer its rate."""
    for group, rate in zip(schedule.optimizer.param_groups, rates, strict=True):
        group["lr"] = rate
    schedule._last_lr = list(rates)


def tell_length(before: Any, now: int, old: list[float], new: list[float]) -> None:
    """Say that a schedule reaches over another number of steps than the run began with, where it does."""
    if before != now:
        log.warning(
            "The learning rate is now that of a training of %s, begun as one of %s: it goes on at %.3g, in "
            "place of %.3g.",
            *(counted(now, "step"), before, max(new), max(old)),
        )


def warmup_steps(warmup: float, warmup_epochs: float | None, total_steps: int, steps_per_epoch: int) -> int:
    """Steps of the warm-up: a share of all, or so many epochs. Raises UserError where none are left."""
    check_range("scheduler.warmup", warmup)
    check_range("scheduler.warmup_epochs", warmup_epochs)
    if warmup_epochs is None:
        return round(warmup * total_steps)
    steps = round(warmup_epochs * steps_per_epoch)
    if steps >= total_steps:
        raise UserError(
            f"scheduler.warmup_epochs={warmup_epochs}: a warm-up of {counted(steps, 'step')}, and the "
            f"training has {total_steps:,}, of {steps_per_epoch:,} an epoch. Expected fewer, or more "
            "trainer.max_epochs."
        )
    return steps


def warm(step: int, warmup: int) -> float:
    """The share of the rate within a linear warm-up of so many steps, in (0, 1); it is 1 at its end."""
    return (step + 1) / (warmup + 1)
