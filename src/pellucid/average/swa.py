"""Stochastic weight averaging.

Izmailov et al., "Averaging weights leads to wider optima and better generalization", 2018.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor
from torch.optim.swa_utils import get_swa_multi_avg_fn

from pellucid.average.base import Average
from pellucid.errors import UserError
from pellucid.system.ranges import check_range


class SWA(Average):
    """The mean of the weights after each of the last epochs, those behind the share ``start``, in [0, 1).

    Raises UserError.
    """

    title = "mean"
    each: Literal["step", "epoch"] = "epoch"
    statistics: Literal["averaged", "estimated"] = "estimated"

    def __init__(self, *, start: float = 0.75) -> None:
        check_range("average.start", start)
        self.start = start

    def takes(self, epoch: int, epochs: int | None) -> bool:
        if epochs is None or epochs < 1:
            raise UserError("average.start is a share of the training: set trainer.max_epochs.")
        return epoch > self.start * epochs

    def update(self, averages: list[Tensor], values: list[Tensor], count: int) -> None:
        update = get_swa_multi_avg_fn()  # type: ignore[no-untyped-call]
        update(averages, values, count)
