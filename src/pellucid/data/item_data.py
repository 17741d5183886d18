"""Data modules of anybody's data sets, whose items are images with their labels.

Axes: N images, C channels, H × W pixels, K classes.
"""

from __future__ import annotations

import json
import logging
import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.data.allocate import allocate
from pellucid.data.base import ImageData
from pellucid.data.channels import FILES, SIDE, check_bands, choose_bands
from pellucid.data.divide import History, Shares, divide, shares_of
from pellucid.data.images import Split, as_digests, numbered
from pellucid.data.item_labels import AUTO, PIN, Label, check_kind
from pellucid.data.item_reader import Looked, Reader, batched, check_workers, form_of
from pellucid.data.items import Keys, Shape
from pellucid.data.loader import BatchLoader
from pellucid.data.statistics import channel_statistics
from pellucid.data.torchvision_sets import AUTO_SIZE, distinct
from pellucid.discovery.dataset import class_names, labels, layers_of
from pellucid.errors import UserError, counted, plain
from pellucid.inside.images import UNKNOWN
from pellucid.spec import CLASS, IMAGENET_MEAN, IMAGENET_SOURCE, IMAGENET_STD, MULTILABEL, Spec
from pellucid.system.console import console

log = logging.getLogger(__name__)

IN_MEMORY = 2**32  # bytes of a split's images; above it they are kept in a file
CHUNK = 1024  # images
SPLIT_NAMES = {
    **{"train": "train", "training": "train"},
    **{"val": "val", "valid": "val", "validation": "val", "dev": "val"},
    **{"test": "test", "testing": "test"},
}


@dataclass(frozen=True)
class _Known:
    """What is known of a data set once its items were looked at: its spec, the class of each label, whether
    its images are photos of several sizes.
    """

    spec: Spec
    class_of: Mapping[Label, int]
    photos: bool


@dataclass(frozen=True)
class _Content:
    """What was read of a split: images (N, C, H, W) uint8, labels as they are given, digests."""

    store: Tensor
    labels: list[Label]
    digests_N: np.ndarray[Any, np.dtype[np.uint64]]


_known: dict[str, _Known] = {}  # in this process, by all that decides it: a sweep's runs look once


class ItemData(ImageData):
    """A data module whose images are items of data sets, one a split, that ``open`` gives.

    Looks at some of the items at construction, and reads those of one small size. Items are read once and
    kept as uint8, above 4 GiB a split in a file in ``cache``; of a data set that augments them itself the
    training images are drawn anew in each epoch, by ``workers`` processes, each a function of the seed, the
    epoch and the item. ``key`` says what decides which items there are; ``labels`` what is known of an image,
    see ``Spec``, auto: what some of them look like; ``bands`` how images are shown, see ``check_bands``.
    Raises UserError.
    """

    def __init__(
        self,
        *,
        title: str,
        key: str,
        keys: Keys,
        labels: Literal["auto", "class", "multilabel", "numbers"] = "auto",
        bands: Sequence[int] | Literal["auto", "pca"] = "auto",
        batch_size: int = 64,
        augment: str | Sequence[str] = "none",
        val_fraction: float = 0.15,
        test_fraction: float = 0.15,
        workers: int | Literal["auto"] = "auto",
        cache: str = "~/.cache/pellucid/photos",
        cache_limit: float = 50.0,
        seed: int = 0,
        **given: Any,
    ) -> None:
        check_workers(workers)
        try:
            check_kind(labels)
        except ValueError as error:
            raise UserError(f"data.labels={labels}: {error}.") from None
        self.labels: str = labels
        self.bands: str | Sequence[int] = bands
        self.title, self.keys, self.workers = title, keys, workers
        self.cache, self.cache_limit, self.item_seed = Path(cache).expanduser(), cache_limit, seed
        self.opened: dict[str, Any] | None = None
        self.content: dict[str, _Content] = {}  # of training images that were read to look at them
        shares = shares_of(val_fraction, test_fraction, given.get("folds"), given.get("fold", 0))
        key = json.dumps([key, labels, bands, shares, seed], default=str)
        if key not in _known:
            self.opened = self.open()
            _known[key] = self._look(shares)
        self.known = _known[key]
        super().__init__(
            spec=self.known.spec,
            batch_size=batch_size,
            augment=augment,
            seed=seed,
            val_fraction=val_fraction,
            test_fraction=test_fraction,
            **given,
        )

    @abstractmethod
    def open(self) -> dict[str, Any]:
        """The data sets, by ``train`` and, where there are such, ``val`` and ``test``; or ``all`` in one.

        Raises UserError.
        """

    def names(self, dataset: Any) -> Sequence[Any]:
        """The names of the classes in the order of their numbers; none where they are not known."""
        return class_names(dataset) or _names_of_info(dataset)

    def listed(self, dataset: Any) -> list[Label]:
        """The labels that a data set lists, where its items have the same; none where that is not known."""
        if any(getattr(layer, "target_transform", None) for layer in layers_of(dataset)):
            return []
        found = labels(dataset)
        return [] if found is None else list(found.tolist())

    def read(self) -> dict[str, Split]:
        opened = self.opened or self.open()
        self.opened, splits = None, {}
        for part, dataset in opened.items():
            reader = replace(self._reader(part, dataset), labels=self.spec.labels)
            looked = reader.look()
            form = form_of(
                self.spec.image_shape if self.known.photos else self.known.spec.image_shape,
                photos=self.known.photos,
                fit=self.spec.fit,
                looked=looked,
            )
            reader = replace(reader, random=looked.random, form=form)
            content = self.content.pop(part, None) or self._read(reader, looked)
            splits[part] = self._split(part, reader, content)
            if looked.random:
                self._of_random(part, reader, looked)
        self.source = self.title
        return splits

    def _split(self, part: str, reader: Reader, content: _Content) -> Split:
        """What was read, with the labels as the spec has them. Raises UserError for a label that is none."""
        count, targets_NK = len(content.labels), None
        if self.known.spec.labels == CLASS:
            labels_N = torch.tensor(self._classes(reader, content.labels))
        else:
            labels_N = torch.full((count,), UNKNOWN)
            rows = self._rows(reader, content.labels)
            targets_NK = torch.tensor(
                rows, dtype=torch.bool if self.known.spec.labels == MULTILABEL else torch.float32
            )
        digests_N = content.digests_N if self.known.photos else None
        split = Split.whole(content.store, labels_N, numbered(part, count), digests_N)
        return replace(split, targets_NK=targets_NK)

    def train_dataloader(self) -> BatchLoader:
        if self.draw is not None:
            log.info(
                "%s augments its images itself: those that are trained on are drawn anew in each epoch, of "
                "those that are looked at one draw is kept.",
                self.title,
            )
        return super().train_dataloader()

    def fingerprint(self) -> str:
        """A hash of every image and its label; of photos whatever size they were brought to."""
        return self.fingerprint_by_digests() if self.known.photos else super().fingerprint()

    def _reader(self, part: str, dataset: Any) -> Reader:
        name = self.title if part == "all" else f"{self.title}, split {part}"
        return Reader(dataset, name, self.keys, self.item_seed, labels=self.labels)

    def _look(self, shares: Shares) -> _Known:
        """The classes, and the images' shape and statistics, by the training images."""
        assert self.opened is not None
        part, dataset = next((part, self.opened[part]) for part in ("train", "all") if part in self.opened)
        reader = self._reader(part, dataset)
        looked = reader.look()
        reader = replace(reader, labels=looked.labels)
        if looked.labels != CLASS and self.labels == AUTO:
            kinds = {MULTILABEL: f"0 or 1 for each of {looked.count} labels"}
            what = kinds.get(looked.labels, counted(looked.count, "number"))
            log.info("Labels of %s: %s. Otherwise: %s", self.title, what, PIN)
        names = [plain(name) for name in distinct(list(self.names(dataset)), len(self.names(dataset)))]
        shape = _common_shape(looked)
        check_bands(self.bands, shape[0] if shape else 3)
        if shape is None:
            listed: list[Label] = []
            if looked.labels == CLASS and not names:
                listed = self.listed(dataset) or _each_label(reader)
            classes, class_of = self._outputs(reader, names, listed, looked)
            size = (3, AUTO_SIZE, AUTO_SIZE)
            spec = Spec(size, classes, IMAGENET_MEAN, IMAGENET_STD, IMAGENET_SOURCE, labels=looked.labels)
            spec = replace(spec, bands=() if isinstance(self.bands, str) else tuple(self.bands))
            return _Known(spec, class_of, photos=True)
        form = form_of(shape, photos=False, fit=Spec(shape, (), (), (), "").fit, looked=looked)
        reader = replace(reader, random=looked.random, form=form)
        content = self.content[part] = self._read(reader, looked)
        classes, class_of = self._outputs(reader, names, content.labels, looked)
        self.known = _Known(Spec(shape, classes, (), (), "", labels=looked.labels), class_of, photos=False)
        split = self._split(part, reader, content)
        if part == "all":  # nobody has split these, so what is known in advance hangs on the split as well
            split = divide({part: split}, shares, self.item_seed, classes, History()).splits["train"]
        mean, std = channel_statistics(map(split.images, torch.split(torch.arange(len(split)), CHUNK)))
        source = f"its {len(split):,} training images"
        bands = choose_bands(self.bands, _some_pixels(split), np.array(mean), np.array(std))
        spec = replace(self.known.spec, mean=mean, std=std, statistics=source, bands=bands)
        return replace(self.known, spec=spec)

    def _outputs(
        self, reader: Reader, names: Sequence[str], found: Sequence[Label], looked: Looked
    ) -> tuple[tuple[str, ...], dict[Label, int]]:
        """The names of classes, labels or numbers, and the class of each label where they are classes."""
        if looked.labels != CLASS:
            known = tuple(names) if len(names) == looked.count else ()
            numbered_ = tuple(map(str, range(looked.count))) if looked.count > 1 else ("number",)
            return known or numbered_, {}
        class_of = _by_name(names) or self._by_label(reader, found)
        classes = tuple(names or [plain(str(label)) for label in class_of])
        self._check_classes(classes)
        return classes, class_of

    def _check_classes(self, classes: Sequence[str]) -> None:
        if len(classes) < 2:
            raise UserError(f"{self.title} has {counted(len(classes), 'class')}. Expected at least two.")

    def _read(self, reader: Reader, looked: Looked) -> _Content:
        count = len(reader)
        assert reader.form is not None
        store = self._allocate((count, *reader.form.shape))
        batches = batched(count)
        workers = reader.workers(self.workers, looked.seconds, count)
        found: list[Label] = []
        sums: list[bytes] = []
        steps = console.track(reader.read(batches, workers), f"Reading {reader.name}", len(batches))
        for batch, items in zip(batches, steps, strict=True):
            store[batch[0] : batch[-1] + 1] = torch.from_numpy(np.stack([item.pixels for item in items]))
            found += [item.label for item in items]
            sums += [item.digest for item in items]
        return _Content(store, found, as_digests(sums))

    def _allocate(self, shape: tuple[int, ...]) -> Tensor:
        size = math.prod(shape)
        if size <= IN_MEMORY:
            return torch.empty(shape, dtype=torch.uint8)
        if size > self.cache_limit * 2**30:
            raise UserError(
                f"The images of {self.title} take {size / 2**30:.2g} GiB, more than data.cache_limit="
                f"{self.cache_limit}. Give it more, or use smaller images by data.image_size."
            )
        try:
            self.cache.mkdir(parents=True, exist_ok=True)
            return allocate(shape, np.uint8, self.cache)
        except OSError as error:
            raise UserError(
                f"There is no room in {self.cache} for {size / 2**30:.2g} GiB of images of {self.title} "
                f"({error.strerror}). Make room, or choose another folder by data.cache=<folder>."
            ) from error

    def _of_random(self, part: str, reader: Reader, looked: Looked) -> None:
        if part in ("train", "all"):
            workers = reader.workers(self.workers, looked.seconds, len(reader))
            self.draw = partial(_drawn, reader, workers)
        else:
            log.warning(
                "%s: its images are random, as what a net is measured on should not be. One draw is kept.",
                reader.name,
            )

    def _classes(self, reader: Reader, found: Sequence[Label]) -> list[int]:
        """The class of each label. Raises UserError for one that is none."""
        class_of, classes = self.known.class_of, self.known.spec.classes
        for index, label in enumerate(found):
            if label not in class_of:
                few = ", ".join(classes[:5]) + (", …" if len(classes) > 5 else "")
                known = (
                    f"0 to {len(classes) - 1}, or a name, of {len(classes)} classes ({few})"
                    if label not in class_of and 0 in class_of and classes[0] in class_of
                    else f"one of those that the training images have ({few})"
                )
                raise reader.told(index, f"has the label {label!r}. Expected {known}.")
        return [class_of[label] for label in found]

    def _rows(self, reader: Reader, found: Sequence[Label]) -> list[tuple[float, ...]]:
        """Several labels or numbers of each. Raises UserError for one with more or fewer."""
        rows, count = [], len(self.known.spec.classes)
        for index, label in enumerate(found):
            assert isinstance(label, tuple)
            if len(label) != count:
                what = counted(len(label), "label" if self.known.spec.labels == MULTILABEL else "number")
                raise reader.told(index, f"has {what}. Expected {count}, as the training images have.")
            rows.append(label)
        return rows

    def _by_label(self, reader: Reader, found: Sequence[Label]) -> dict[Label, int]:
        """Classes of labels that nothing names: those that there are, in their order."""
        kinds = {type(label) for label in found}
        for index, label in enumerate(found):
            if len(kinds) > 1 and type(label) is not type(found[0]):
                raise reader.told(
                    index,
                    f"has the label {label!r}, the first {found[0]!r}. Expected numbers or names.",
                )
            if isinstance(label, int) and label < 0:
                raise reader.told(index, f"has the label {label}. Expected the number of a class, from 0.")
        return {label: number for number, label in enumerate(sorted(set(found)))}


def _drawn(reader: Reader, workers: int, rows: Sequence[Tensor], number: int) -> Iterator[Tensor]:
    """The images of each batch of rows, (B, C, H, W) uint8, in that draw."""
    drawn = replace(reader, draw=number)
    for items in drawn.read([rows_B.tolist() for rows_B in rows], workers):
        yield torch.from_numpy(np.stack([item.pixels for item in items]))


def _common_shape(looked: Looked) -> Shape | None:
    """The shape that images keep: arrays theirs, Pillow's where they are alike, square and small."""
    channels = max(shape[0] for shape in looked.shapes)
    sizes = {shape[1:] for shape in looked.shapes}
    height, width = next(iter(sizes))
    if looked.of_pillow and (len(sizes) > 1 or height != width or height > AUTO_SIZE):
        return None
    return channels, height, width


def _some_pixels(split: Split) -> NDArray[np.float64]:
    """Pixels (P, C) in [0, 1] of some images, evenly spread."""
    index_B = torch.linspace(0, len(split) - 1, min(FILES, len(split))).long()
    images_BCHW = split.images(index_B)
    steps = [max(1, side // SIDE) for side in images_BCHW.shape[2:]]
    pixels_BHWC = images_BCHW[:, :, :: steps[0], :: steps[1]].permute(0, 2, 3, 1)
    return pixels_BHWC.flatten(0, 2).double().numpy() / 255


def _by_name(names: Sequence[str]) -> dict[Label, int]:
    return {**{number: number for number in range(len(names))}, **{n: k for k, n in enumerate(names)}}


def _names_of_info(dataset: Any) -> list[str]:
    """As MedMNIST has them: ``info["label"]``, names by their numbers."""
    for layer in layers_of(dataset):
        info = getattr(layer, "info", None)
        found = info.get("label") if isinstance(info, Mapping) else None
        if isinstance(found, Mapping) and {str(key) for key in found} == {str(k) for k in range(len(found))}:
            return [str(name) for _, name in sorted(found.items(), key=lambda pair: int(pair[0]))]
    return []


def _each_label(reader: Reader) -> list[Label]:
    steps = console.track(range(len(reader)), f"Labels of {reader.name}", len(reader))
    return [reader.label(index) for index in steps]
