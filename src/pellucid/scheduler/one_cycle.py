"""The one-cycle policy: up to a large rate, and down far below where it began.

Smith and Topin, "Super-convergence: very fast training of neural networks using large learning rates", 2018;
torch's ``OneCycleLR``.
"""

from __future__ import annotations

import warnings
from typing import Any, Literal

from torch.optim import Optimizer
from torch.optim.lr_scheduler import OneCycleLR

from pellucid.scheduler.base import set_rates, tell_length, warmup_steps
from pellucid.system.ranges import check_range

MIN_STEPS = 3  # that torch can share out into up and down


class OneCycle(OneCycleLR):
    """The optimizer's rate is the largest; it is reached after ``warmup``, and left until the last step.

    ``warmup``: a share of the steps, in (0, 1); ``warmup_epochs``: in its place, epochs. The rate begins
    ``div_factor`` times smaller, and ends ``final_div_factor`` times smaller than it began. Momentum, or the
    first beta, goes the other way where ``cycle_momentum``. Raises UserError.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        *,
        total_steps: int,
        steps_per_epoch: int,
        warmup: float = 0.3,
        warmup_epochs: float | None = None,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        cycle_momentum: bool = True,
    ) -> None:
        check_range("scheduler.div_factor", div_factor)
        check_range("scheduler.final_div_factor", final_div_factor)
        up = warmup_steps(warmup, warmup_epochs, total_steps, steps_per_epoch)
        steps = max(total_steps, MIN_STEPS)
        super().__init__(
            optimizer,
            max_lr=[float(group["lr"]) for group in optimizer.param_groups],
            total_steps=steps,
            pct_start=min(max(up, 2), steps - 1) / steps,
            div_factor=div_factor,
            final_div_factor=final_div_factor,
            anneal_strategy=anneal_strategy,
            cycle_momentum=cycle_momentum and _has_momentum(optimizer),
        )

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        before = [group["lr"] for group in self.optimizer.param_groups]
        ours = {name: vars(self)[name] for name in ("total_steps", "_schedule_phases")}
        super().load_state_dict({**state_dict, **ours})
        self.last_epoch, steps = min(self.last_epoch, self.total_steps), self.last_epoch
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it is not called within a step
            rates = [float(rate) for rate in self.get_lr()]
        self.last_epoch = steps
        set_rates(self, rates)
        tell_length(state_dict.get("total_steps"), self.total_steps, before, rates)


def _has_momentum(optimizer: Optimizer) -> bool:
    """Whether torch's schedule can cycle it, which refuses optimizers without any."""
    return "momentum" in optimizer.defaults or "betas" in optimizer.defaults
