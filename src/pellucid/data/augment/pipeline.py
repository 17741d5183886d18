"""Augmentation pipelines: operations one after another, and the uniform numbers that they draw.

Shapes: N images of a split, B of a batch, C channels, H × W pixels, R numbers of an image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from pellucid.data.augment.automatic import Rand, Trivial
from pellucid.data.augment.color import Blur, Color, Grey
from pellucid.data.augment.erase import Erase
from pellucid.data.augment.geometry import Crop, Flip, Rotate, Shift
from pellucid.data.augment.operation import Operation
from pellucid.data.augment.options import all_option_problems, augment_problems, operation_names
from pellucid.errors import UserError
from pellucid.spec import Spec
from pellucid.system.seeding import generator

OPERATIONS: dict[str, type[Operation]] = {
    operation.name: operation
    for operation in (Crop, Shift, Flip, Rotate, Color, Grey, Blur, Trivial, Rand, Erase)
}
# The stream that these have shared from the first: their columns of its numbers.
SHARED = {"flip": slice(0, 1), "shift": slice(1, 3), "crop": slice(1, 5)}
SHARED_NUMBERS = 5


@dataclass(frozen=True)
class Step:
    """An operation and which columns of an image's numbers are its own."""

    operation: Operation
    columns: slice


@dataclass(frozen=True)
class Pipeline:
    """A pipeline of augmentations, applied in their order; false where it has none.

    ``of`` makes one of operations. Numbers of an operation are a function of (seed, epoch, position) and of
    its name: another operation in the list does not change them.
    """

    steps: tuple[Step, ...] = ()
    streams: tuple[tuple[str, int], ...] = ()  # names, and how many numbers of an image each has

    @classmethod
    def of(cls, operations: Sequence[Operation]) -> Pipeline:
        """The pipeline of those operations."""
        shares = any(operation.name in SHARED for operation in operations)
        streams = [("", SHARED_NUMBERS)] if shares else []
        steps, end = [], sum(count for _, count in streams)
        for operation in operations:
            columns = SHARED.get(operation.name)
            if columns is None:
                columns = slice(end, end + operation.numbers)
                end = columns.stop
                streams.append((operation.name, operation.numbers))
            steps.append(Step(operation, columns))
        return cls(tuple(steps), tuple(streams))

    def __bool__(self) -> bool:
        return bool(self.steps)

    def numbers(self, count: int, seed: int, number: int) -> Tensor:
        """Uniform numbers of so many positions in the epoch, (count, R), under augmentation ``number``."""
        return torch.cat(
            [
                torch.rand(
                    count, each, generator=generator(seed, "augment", *([name] if name else []), number)
                )
                for name, each in self.streams
            ],
            dim=1,
        )

    @property
    def crop(self) -> Crop | None:
        """The crop that stands first; None where none does."""
        operation = self.steps[0].operation if self.steps else None
        return operation if isinstance(operation, Crop) else None

    def boxes(self, numbers_BR: Tensor, aspect_B: Tensor | None = None) -> Tensor:
        """The boxes of the crop that stands first, (B, 4): top, left, height and width, see ``Crop.boxes``.

        ``after_crop`` is what then remains to be done, with the same numbers.
        """
        assert self.crop is not None
        return self.crop.boxes(numbers_BR[:, self.steps[0].columns], aspect_B)

    @property
    def flip(self) -> Step | None:
        """The flip that stands first; None where none does."""
        return self.steps[0] if self.steps and isinstance(self.steps[0].operation, Flip) else None

    def after_flip(self) -> Pipeline:
        """The pipeline without the flip that stands first."""
        return replace(self, steps=self.steps[1:]) if self.flip else self

    def after_crop(self) -> Pipeline:
        """The pipeline without the crop that stands first, whose numbers stay where they are."""
        return replace(self, steps=self.steps[1:]) if self.crop else self

    def __call__(self, images_BCHW: Tensor, numbers_BR: Tensor, fill: Tensor | float = 0.0) -> Tensor:
        """The images, augmented; pixels in [0, 1], see ``Operation``."""
        for step in self.steps:
            images_BCHW = step.operation(images_BCHW, numbers_BR[:, step.columns], fill)
        return images_BCHW

    def prepare(self, images_BCHW: Tensor, numbers_BR: Tensor, spec: Spec) -> Tensor:
        """Images of the net's size, floats in [0, 255], augmented and normalised.

        What lies outside an image is the mean colour.
        """
        if all(step.operation.commutes for step in self.steps):  # one pass over the pixels less
            return self(spec.normalise(images_BCHW), numbers_BR)
        fill = spec.mean_colour(images_BCHW.device)
        return spec.normalise(self(images_BCHW / 255, numbers_BR, fill), white=1)


def find_augment(
    augment: str | Sequence[str], options: Mapping[str, Mapping[str, Any]] | None = None
) -> Pipeline:
    """The pipeline of a name or a list of names, with options of operations by their names.

    Raises UserError, which tells all that is wrong.
    """
    problems = [*augment_problems(augment), *all_option_problems(options or {}).values()]
    if problems:
        raise UserError("\n".join(problems))
    made = []
    for name in operation_names(augment):
        given = (options or {}).get(name, {})
        values = {k: tuple(v) if isinstance(v, Sequence) else v for k, v in given.items()}
        made.append(OPERATIONS[name](**values))
    return Pipeline.of(made)
