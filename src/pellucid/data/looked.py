"""Images that a command looks at one batch after another, and at some of them again: of a split, or files.

Shapes: B images, N of all, C channels, H × W pixels.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import final

import torch
from torch import Tensor

from pellucid.data.base import ImageData
from pellucid.data.pictures import Pictures, find_base, find_pictures
from pellucid.errors import UserError


class Looked(ABC):
    """``source`` says where they come from, ``count`` how many are expected."""

    source: str
    count: int

    @abstractmethod
    def batches(self, size: int) -> Iterator[Tensor]:
        """All of them in order, uint8 (B, C, H, W), of any size."""

    @abstractmethod
    def some(self, index_B: Sequence[int]) -> Tensor:
        """Those again, numbered as they came in batches."""

    @abstractmethod
    def name(self, index: int) -> str:
        """Of a file, or as the data set numbers its images."""

    @abstractmethod
    def label(self, index: int) -> int | None:
        """The true class, where it is known."""


@final
class OfSplit(Looked):
    """The images of a split of a run's data."""

    def __init__(self, data: ImageData, name: str) -> None:
        self.split = data.splits[name]
        self.count = len(self.split)
        self.source = f"{self.count:,} {name} images of {data.source}"

    def batches(self, size: int) -> Iterator[Tensor]:
        for index_B in torch.split(torch.arange(self.count), size):
            yield self.split.images(index_B)

    def some(self, index_B: Sequence[int]) -> Tensor:
        return self.split.images(torch.tensor(index_B, dtype=torch.long))

    def name(self, index: int) -> str:
        return self.split.files[index]

    def label(self, index: int) -> int | None:
        return int(self.split.labels_N[index])


@final
class OfFiles(Looked):
    """The images that a file, a folder or a pattern stands for. Raises UserError where none can be read.

    The class is that of the folder's name. ``pictures`` knows which files cannot be read.
    """

    def __init__(self, given: str, image_shape: tuple[int, int, int], classes: Sequence[str]) -> None:
        self.given, self.base, self.classes = given, find_base(given), classes
        self.pictures = Pictures(find_pictures(given), image_shape)
        self.readable: list[Path] = []
        self.count = len(self.pictures.files)

    @property
    def source(self) -> str:  # type: ignore[override]  # known once they were read
        return f"{len(self.readable):,} images of {self.base}"

    def batches(self, size: int) -> Iterator[Tensor]:
        self.readable = []
        for files, pixels_BCHW in self.pictures.batches(size):
            self.readable += files
            yield pixels_BCHW
        if not self.readable:
            raise UserError(
                f"images={self.given}: none of the {self.count} files is an image that can be read."
            )

    def some(self, index_B: Sequence[int]) -> Tensor:
        again = Pictures([self.readable[index] for index in index_B], self.pictures.image_shape)
        return torch.cat([pixels_BCHW for _, pixels_BCHW in again.batches(len(index_B))])

    def name(self, index: int) -> str:
        return os.path.relpath(self.readable[index], self.base)

    def label(self, index: int) -> int | None:
        name = self.readable[index].parent.name
        return self.classes.index(name) if name in self.classes else None
