"""Progressive resizing: training images that grow from epoch to epoch.

Touvron et al., "Fixing the train-test resolution discrepancy", 2019, train on smaller images than they test;
Howard, fastai, 2018, on growing ones. Sizes are heights and widths, in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pellucid.errors import UserError

COARSE, FINE = 32, 8  # sizes between the first and the last are multiples of these
LARGE = 128  # pixels a side of an evaluation image, from which on they are multiples of ``COARSE``


@dataclass(frozen=True)
class TrainSize:
    """The shorter side of training images in the ``first`` and the ``last`` epoch, in pixels.

    In between it is linear in the epoch, rounded to what nets take well; the proportions are those of the
    evaluation images. Nothing but the epoch, their number and that size decides it.
    """

    first: int
    last: int

    @classmethod
    def of(cls, asked: int | Sequence[int]) -> TrainSize:
        """Of one size for all epochs, or the first and the last. Raises UserError for anything else."""
        sizes: Sequence[object] = asked if isinstance(asked, Sequence) else (asked, asked)
        if isinstance(asked, str) or len(sizes) != 2 or not all(type(size) is int for size in sizes):
            raise UserError(
                f"data.train_size={_shown(asked)}: expected the pixels a side in the first and in the last "
                "epoch, as [128,224], or one number for all."
            )
        first, last = (int(str(size)) for size in sizes)
        return cls(first, last)

    def check(self, image_size: tuple[int, int]) -> None:
        """Raise UserError where training images would be larger than those of the evaluation."""
        side = min(image_size)
        if not (1 <= self.first <= side and 1 <= self.last <= side):
            raise UserError(
                f"data.train_size={self}: expected 1 to {side} pixels, the shorter side of the images that "
                "are evaluated. Larger ones: data.image_size=<the largest>."
            )

    def at(self, epoch: int, epochs: int, image_size: tuple[int, int]) -> tuple[int, int]:
        """Height and width in one of so many epochs, from 0."""
        share = min(1.0, epoch / (epochs - 1)) if epochs > 1 else 1.0
        side = min(image_size)
        step = COARSE if side >= LARGE else FINE
        exact = self.first + share * (self.last - self.first)
        low, high = sorted((self.first, self.last))
        size = round(exact) if share in (0.0, 1.0) else min(high, max(low, step * round(exact / step)))
        if size == side:
            return image_size
        height, width = (
            size if length == side else max(size, step * round(length * size / side / step))
            for length in image_size
        )
        return height, width

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"[{self.first},{self.last}]"


def _shown(asked: object) -> str:
    if isinstance(asked, Sequence) and not isinstance(asked, str):
        return f"[{','.join(map(str, asked))}]"
    return str(asked)
