"""What a schedule makes of a rate."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.optim import SGD


def optimizer(*rates: float, lr: float = 1.0) -> SGD:
    """Of a parameter, or of one for each rate."""
    groups = [{"params": [nn.Parameter(torch.zeros(1))], "lr": rate} for rate in rates or (lr,)]
    return SGD(groups, lr=lr, momentum=0.9)


def rates(schedule: Any, count: int) -> list[float]:
    """The first group's at each of so many steps."""
    found = []
    for step in range(count):
        found.append(float(schedule.optimizer.param_groups[0]["lr"]))
        if step < count - 1:
            schedule.optimizer.step()
            schedule.step()
    return found
