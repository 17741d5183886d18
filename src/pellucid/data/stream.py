"""Streams of images, of a split or of files alike: a batch at a time, with what is known of each.

Shapes: B images, C channels, H × W pixels.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from pellucid.data.base import ImageData
from pellucid.data.pictures import Pictures, check_folders, find_pictures
from pellucid.errors import UserError, counted
from pellucid.inside.images import UNKNOWN, Images
from pellucid.spec import Spec

log = logging.getLogger(__name__)


@dataclass
class Stream:
    """A stream of images: a batch at a time, with the files and labels of those that were given so far.

    ``name``: train, val, test or images. ``count``: so many images, fewer where files cannot be read.
    ``again`` gives the pixels of images once more, numbered as they came in batches.
    """

    name: str
    source: str
    count: int
    read: Callable[[int], Iterator[Images]]
    again: Callable[[Sequence[int]], Tensor]
    files: list[str] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)

    def batches(self, batch_size: int) -> Iterator[Images]:
        """The images from the first one."""
        self.files, self.labels = [], []
        for images in self.read(batch_size):
            self.files += images.files
            self.labels += images.labels_B.tolist()
            yield images

    @property
    def description(self) -> str:
        """``200 test images of …``."""
        kind = "" if self.name == "images" else f"{self.name} "
        return f"{len(self.files):,} {kind}images of {self.source}"

    def steps(self, batch_size: int) -> int:
        """How many batches of that size there are at most."""
        return -(-self.count // batch_size)


def of_split(data: ImageData, name: str) -> Stream:
    """The images of a split, in its order."""
    split, classes = data.split(name), data.spec.classes

    def read(batch_size: int) -> Iterator[Images]:
        for index_B in torch.split(torch.arange(len(split)), batch_size):
            yield split.pick(index_B, classes)

    def again(indices: Sequence[int]) -> Tensor:
        return split.images(torch.tensor(indices, dtype=torch.long))

    return Stream(name, data.source, len(split), read, again)


def of_images(images: Images, source: str) -> Stream:
    """Images that somebody has at hand."""

    def read(batch_size: int) -> Iterator[Images]:
        for index_B in torch.split(torch.arange(len(images)), batch_size):
            rows = index_B.tolist()
            yield Images(
                images.pixels_BCHW[index_B],
                images.labels_B[index_B],
                [images.files[row] for row in rows],
                [images.names[row] for row in rows],
            )

    def again(indices: Sequence[int]) -> Tensor:
        return images.pixels_BCHW[torch.tensor(indices, dtype=torch.long)]

    return Stream("images", source, len(images), read, again)


def of_files(pattern: str, spec: Spec, option: str) -> Stream:
    """Image files; the class of one is known where the folder that it lies in is named by it.

    Raises UserError, which names the ``option``, where there are none, or folders that could not be
    looked into; as they are read, where none is an image. Files that cannot be read are passed over, and
    told at the end.
    """
    files = find_pictures(pattern, option)
    check_folders(files)
    label_of = {name: label for label, name in enumerate(spec.classes)}

    readable: list[Path] = []

    def read(batch_size: int) -> Iterator[Images]:
        readable.clear()
        pictures = Pictures(files, spec.image_shape, spec.values, spec.fit)
        for paths, pixels_BCHW in pictures.batches(batch_size):
            readable.extend(paths)
            names = [path.absolute().parent.name for path in paths]
            labels_B = torch.tensor([label_of.get(name, UNKNOWN) for name in names])
            yield Images(pixels_BCHW, labels_B, [str(path) for path in paths], names)
        if len(pictures.unreadable) == len(files):
            raise UserError(
                f"{option}={pattern}: {counted(len(files), 'file')}, no image that can be read "
                f"({next(iter(pictures.unreadable.values()))})."
            )
        pictures.tell()

    def again(indices: Sequence[int]) -> Tensor:
        pictures = Pictures([readable[index] for index in indices], spec.image_shape, spec.values, spec.fit)
        return torch.cat([pixels_BCHW for _, pixels_BCHW in pictures.batches(len(indices))])

    return Stream("images", pattern, len(files), read, again)
