"""A reader of anybody's data set: what its items are like, and all of them, in this process or in workers.

A data set may augment its items at random. What it draws from the global generators is made a function of
the seed, the draw's number and the item, so that a draw can be asked for again.

Axes: B images of a batch, C channels, H × W pixels.
"""

from __future__ import annotations

import hashlib
import os
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.utils.data import DataLoader, IterableDataset

from pellucid.data.item_labels import AUTO, Found, Label, found_label, kind_of, label_of
from pellucid.data.items import (
    Form,
    ItemError,
    Keys,
    Raw,
    Shape,
    bytes_of,
    check_numbers,
    described,
    fetch,
    parts_of,
    pixels_of,
    raw_of,
    shape_of,
    shown,
)
from pellucid.discovery.dataset import length
from pellucid.discovery.normalization import Normalization, find_normalization
from pellucid.errors import UserError, counted
from pellucid.inside.preserve_state import preserve_random_state
from pellucid.spec import CLASS, Fit
from pellucid.system.seeding import seed_global

SAMPLED = 32  # items that are looked at
SECONDS = 5.0  # of reading, above which workers are worth their start
MAX_WORKERS = 4  # of those that nobody has asked for
BATCH_SIZE = 32  # items that a worker is given at a time
Workers = int | Literal["auto"]


@dataclass(frozen=True)
class Looked:
    """What some of the items of a data set are like.

    ``shapes`` of their images; ``of_pillow``: all are images of Pillow's; ``random``: another draw gives
    other pixels; ``normalization`` of arrays that are not uint8; ``seconds`` that an item takes; ``labels``:
    what they are, of the ``count`` K, 1 of classes.
    """

    shapes: frozenset[Shape]
    of_pillow: bool
    random: bool
    normalization: Normalization | None
    seconds: float
    labels: str
    count: int


@dataclass(frozen=True)
class Item:
    """An item that was read: pixels (C, H, W) uint8, its label, a digest of the image."""

    pixels: NDArray[np.uint8]
    label: Label
    digest: bytes


@dataclass(frozen=True)
class Reader:
    """A reader of the items of a ``dataset``, called ``name`` in what is told.

    ``form``: what they are brought to, once that is known. ``random``: the data set draws, of which ``draw``
    is the number. ``labels``: what they are, ``auto`` until that is known.
    """

    dataset: Any
    name: str
    keys: Keys = field(default_factory=Keys)
    seed: int = 0
    random: bool = True
    draw: int = 0
    form: Form | None = None
    labels: str = CLASS

    def __len__(self) -> int:
        """How many there are. Raises UserError for a data set that has no numbered items."""
        try:
            count = None if isinstance(self.dataset, IterableDataset) else length(self.dataset)
        except Exception as error:  # a user's own
            raise UserError(f"{self.name}: len() raised {described(error)}. Mend it.") from error
        if count is None or not hasattr(self.dataset, "__getitem__"):
            raise UserError(
                f"{self.name} has no numbered items ({type(self.dataset).__name__}). Expected __len__ and "
                "__getitem__, as images are divided, shuffled and shown by their numbers. Of a stream keep "
                "what it gives in a list of (image, label)."
            )
        if count == 0:
            raise UserError(f"{self.name} has no items. Expected images with their classes.")
        return count

    def raw(self, index: int) -> tuple[Raw, Found]:
        """The image and the label of an item, as it gives them. Raises ItemError."""
        if not self.random:
            image, label = parts_of(fetch(self.dataset, index), self.keys)
            return raw_of(image), self._label_of(label)
        with preserve_random_state(torch.device("cpu")):
            seed_global(self.seed, "item", self.draw, self.name, index)
            image, label = parts_of(fetch(self.dataset, index), self.keys)
            return raw_of(image), self._label_of(label)

    def _label_of(self, value: Any) -> Found:
        return found_label(value) if self.labels == AUTO else label_of(value, self.labels)

    def label(self, index: int) -> Label:
        """The label of an item alone. Raises UserError."""
        try:
            return label_of(self.raw(index)[1], self.labels)
        except ItemError as error:
            raise self.told(index, error) from error

    def __getitem__(self, index: int) -> Item | UserError:
        """An item, or what is wrong with it: what a worker raises comes with its traceback."""
        assert self.form is not None
        try:
            raw, label = self.raw(index)
            label = label_of(label, self.labels)
            return Item(pixels_of(raw, self.form), label, hashlib.sha256(bytes_of(raw)).digest())
        except ItemError as error:
            return self.told(index, error)

    def told(self, index: int, error: ItemError | str) -> UserError:
        """What is wrong with an item, as it is told."""
        return UserError(f"{self.name}: item {index} of {len(self):,} {error}")

    def look(self) -> Looked:
        """What some of the items are like, each asked several times. Raises UserError."""
        count = len(self)
        chosen = range(0, count, max(1, count // SAMPLED))[:SAMPLED]
        raws, found, random, start = [], list[Found](), False, time.perf_counter()
        for index in chosen:
            try:
                raw, label = self.raw(index)
                if isinstance(raw, np.ndarray) and raw.dtype != np.uint8:
                    check_numbers(raw)
                again, other = self.raw(index), replace(self, draw=self.draw + 1).raw(index)
            except ItemError as error:
                raise self.told(index, error) from error
            if not _is_same((raw, label), again):
                raise self.told(
                    index,
                    "asked twice is another image or has another label, although the global generators of "
                    "Python, NumPy and torch were set alike. Draw from these, which are set for each item "
                    "and epoch, or leave random changes to data.augment.",
                )
            if not _is_alike(label, other[1]):
                raise self.told(
                    index,
                    f"has the label {shown(label)}, and in another draw {shown(other[1])}. Expected a label "
                    "that stays: leave changes that alter it out.",
                )
            random = random or not _is_same((raw, label), other)
            raws.append(raw)
            found.append(label)
        seconds = (time.perf_counter() - start) / 3 / len(raws)
        of_pillow = self._check_kinds(chosen, raws)
        shapes = frozenset(map(shape_of, raws))
        labels = kind_of(found) if self.labels == AUTO else self.labels
        for index, label in zip(chosen, found, strict=True):
            try:
                first = label_of(label, labels)
            except ItemError as error:
                raise self.told(index, error) from error
        normalization = None if of_pillow else self._normalization(raws)
        count = len(first) if isinstance(first, tuple) else 1
        return Looked(shapes, of_pillow, random, normalization, seconds, labels, count)

    def _check_kinds(self, chosen: Sequence[int], raws: Sequence[Raw]) -> bool:
        """Whether all are of Pillow. Raises UserError where some are, or where arrays are not alike."""
        of_pillow = isinstance(raws[0], Image.Image)
        for index, raw in zip(chosen, raws, strict=True):
            if isinstance(raw, Image.Image) != of_pillow:
                raise self.told(index, f"is {_kind(raw)}, the first {_kind(raws[0])}. Expected all alike.")
            if not of_pillow and shape_of(raw) != shape_of(raws[0]):
                raise self.told(
                    index,
                    f"has an image of the shape {shape_of(raw)}, those before {shape_of(raws[0])}. Expected "
                    "all alike: resize them in the data set, or give images of Pillow's, which are brought "
                    "to one size.",
                )
        return of_pillow

    def _normalization(self, raws: Sequence[Raw]) -> Normalization | None:
        arrays = [raw for raw in raws if isinstance(raw, np.ndarray) and raw.dtype != np.uint8]
        if not arrays:
            return None
        values_BCHW = torch.from_numpy(np.stack(arrays))
        found = find_normalization(values_BCHW, [self.dataset])
        if not found.mean:
            raise UserError(
                f"{self.name}: images have values from {values_BCHW.min():.3g} to {values_BCHW.max():.3g}, "
                "and no Normalize was found in it that gives, undone, values from 0 to 1. Expected images as "
                "they are, of Pillow, uint8 or floats from 0 to 1: they are normalised later."
            )
        return found

    def read(self, batches: Sequence[list[int]], workers: int) -> Iterator[list[Item]]:
        """The items of each batch, in order. Raises UserError for the first that cannot be used."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads
            loader: DataLoader[Any] = DataLoader(
                self,  # type: ignore[arg-type]
                batch_sampler=batches,
                num_workers=workers,
                collate_fn=list,
                generator=torch.Generator(),  # the global one stays as it is
            )
            for items in loader:
                for item in items:
                    if isinstance(item, UserError):
                        raise item
                yield items

    def workers(self, asked: Workers, seconds: float, count: int) -> int:
        """How many processes read so many items: as ``asked``, or none where that takes few seconds."""
        if asked != "auto":
            return asked
        return 0 if seconds * count < SECONDS else min(MAX_WORKERS, os.cpu_count() or 1)


def batched(count: int) -> list[list[int]]:
    """All numbers, so many at a time as a worker is given."""
    return [list(range(begin, min(begin + BATCH_SIZE, count))) for begin in range(0, count, BATCH_SIZE)]


def check_workers(workers: Workers) -> None:
    """Raise UserError for what is no number of processes."""
    if workers != "auto" and (isinstance(workers, str) or workers < 0):
        raise UserError(f"data.workers={workers}: expected auto, or {counted(0, 'process')} or more.")


def form_of(shape: Shape, *, photos: bool, fit: Fit, looked: Looked) -> Form:
    """The form that items like these are brought to."""
    return Form(shape, photos, fit, None if looked.of_pillow else looked.normalization)


def _is_same(one: tuple[Raw, Found], other: tuple[Raw, Found]) -> bool:
    return _is_alike(one[1], other[1]) and bytes_of(one[0]) == bytes_of(other[0])


def _is_alike(one: Found, other: Found) -> bool:
    return repr(one) == repr(other)  # NaN as well


def _kind(raw: Raw) -> str:
    return "an image of Pillow's" if isinstance(raw, Image.Image) else f"an array {raw.shape}"
