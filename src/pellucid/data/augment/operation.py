"""Augmentation operations: the base of all, each image changed by its own uniform numbers.

Shapes: B images, C channels, H × W pixels, R numbers of an image.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from pellucid.data.augment.options import option_problems
from pellucid.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Operation(ABC):
    """An augmentation operation: its fields are its options, checked when it is made.

    Called with images_BCHW in [0, 1] and as many uniform numbers in [0, 1) of each as ``numbers`` says,
    numbers_BR on the CPU. ``fill``: the colour of what lies outside an image, a number or (1, C, 1, 1). The
    images that it is given stay as they are. Raises UserError for an option that is out of its range.
    """

    name: ClassVar[str]
    commutes: ClassVar[bool] = False  # with normalisation: it moves pixels, and looks at no value

    def __post_init__(self) -> None:
        if problems := option_problems(self.name, vars(self)):
            raise UserError("\n".join(problems))

    @property
    @abstractmethod
    def numbers(self) -> int:
        """How many uniform numbers an image needs."""

    @abstractmethod
    def __call__(self, images_BCHW: Tensor, numbers_BR: Tensor, fill: Tensor | float = 0.0) -> Tensor: ...
