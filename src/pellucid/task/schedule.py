"""When a scheduler is stepped, and how long the training is that it schedules."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple

from lightning.pytorch import Trainer
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ExponentialLR, ReduceLROnPlateau

from pellucid.errors import UserError
from pellucid.scheduler.base import StepSchedule
from pellucid.scheduler.one_cycle import OneCycle

PER_STEP = (StepSchedule, OneCycle)  # which are functions of the step
LENGTHS = ("T_max", "T_0", "step_size", "total_iters")  # options of torch's, in epochs


class Length(NamedTuple):
    """How many steps of the optimizer a training has, and an epoch of it."""

    total_steps: int
    steps_per_epoch: int

    @classmethod
    def of(cls, trainer: Trainer) -> Length:
        """Accumulation and limits counted. Raises UserError where nobody knows before the end."""
        if trainer.limit_train_batches == 0:  # nothing is trained
            return cls(1, 1)
        trainer.fit_loop.setup_data()  # else nothing is known where trainer.max_steps is the only end
        total = trainer.estimated_stepping_batches
        batches = trainer.num_training_batches
        if not 0 <= total < math.inf or not math.isfinite(batches):
            raise UserError(
                "scheduler: a schedule over the steps of a training needs to know how many there will be. "
                "Set trainer.max_epochs, or +trainer.max_steps, or write scheduler=none."
            )
        return cls(max(1, int(total)), max(1, math.ceil(batches / trainer.accumulate_grad_batches)))


class Schedule(partial[Any]):
    """What makes a scheduler of an optimizer, with ``interval``: after each step or epoch it is stepped.

    Lengths of torch's schedulers stay in epochs also where they are stepped with each step.
    """

    interval: Literal["step", "epoch"] = "epoch"

    @classmethod
    def wrap(cls, make: Callable[..., Any], interval: Literal["step", "epoch"] | None = None) -> Schedule:
        """``interval``: None for that of the scheduler's kind. Raises UserError where it cannot be so."""
        if isinstance(make, cls):
            return make
        wrapped = cls(make.func, *make.args, **make.keywords) if isinstance(make, partial) else cls(make)
        kind = wrapped.func
        per_step = isinstance(kind, type) and issubclass(kind, PER_STEP)
        name = getattr(kind, "__name__", "scheduler")
        if per_step and interval == "epoch":
            raise UserError(f"scheduler.interval=epoch: {name} is a function of the step. Leave it out.")
        if interval == "step" and isinstance(kind, type) and issubclass(kind, ReduceLROnPlateau):
            raise UserError(
                "scheduler.interval=step: the plateau is of val/loss, known once an epoch. Leave it out."
            )
        wrapped.interval = interval or ("step" if per_step else "epoch")
        return wrapped

    def make(self, optimizer: Optimizer, length: Callable[[], Length]) -> Any:
        """The scheduler of that optimizer, for a training of that ``length``. Raises UserError."""
        if self.interval == "epoch":
            return self(optimizer)
        make: Any = self.func
        total_steps, steps_per_epoch = length()
        if isinstance(self.func, type) and issubclass(self.func, PER_STEP):
            given = {"total_steps": total_steps, "steps_per_epoch": steps_per_epoch}
            return make(optimizer, **self.keywords, **given)
        return make(optimizer, *self.args, **self._in_steps(steps_per_epoch))

    def _in_steps(self, steps_per_epoch: int) -> dict[str, Any]:
        """The options of torch's schedulers, which count epochs, for one that is stepped with each step."""
        options = dict(self.keywords)
        for name in LENGTHS:
            if isinstance(options.get(name), int | float):
                options[name] = max(1, round(options[name] * steps_per_epoch))
        if isinstance(options.get("milestones"), list | tuple):
            options["milestones"] = [round(epoch * steps_per_epoch) for epoch in options["milestones"]]
        if self.func is ExponentialLR and "gamma" in options:
            options["gamma"] = options["gamma"] ** (1 / steps_per_epoch)
        for name in LENGTHS:  # left to torch's default, in epochs too
            if name in options or not isinstance(self.func, type):
                continue
            parameter = inspect.signature(self.func).parameters.get(name)
            if parameter is not None and isinstance(parameter.default, int):
                options[name] = parameter.default * steps_per_epoch
        return options
