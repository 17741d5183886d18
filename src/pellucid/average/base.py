"""The abstract base of averages of weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

from torch import Tensor


class Average(ABC):
    """A running average of tensors, of which ``each`` step or epoch gives new values.

    ``statistics``: what becomes of the running statistics of batch norms: ``averaged`` as the weights are, or
    ``estimated`` anew, with the averaged weights, on the training images.
    """

    title: str  # in a sentence
    each: Literal["step", "epoch"]
    statistics: Literal["averaged", "estimated"]

    def takes(self, epoch: int, epochs: int | None) -> bool:
        """Whether the values of that epoch, counted from 1, are among those averaged. Raises UserError."""
        return True

    @abstractmethod
    def update(self, averages: list[Tensor], values: list[Tensor], count: int) -> None:
        """Take new values into the averages, in place; ``count`` have been before, 1 or more."""
