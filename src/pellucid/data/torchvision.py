"""Any data set of torchvision that gives one class an image, by its name."""

from __future__ import annotations

import gzip
import json
import logging
import os
import re
import warnings
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from pellucid.data.base import ImageData
from pellucid.data.divide import History, Shares, divide, shares_of
from pellucid.data.download import download_beside
from pellucid.data.fitting import check_fit, fitted
from pellucid.data.images import Split, numbered
from pellucid.data.photos import load_together
from pellucid.data.statistics import channel_statistics
from pellucid.data.torchvision_sets import (
    AUTO_SIZE,
    NO_LABEL,
    Content,
    check_packages,
    common_size,
    distinct,
    find_set,
    layout_of,
    parameters,
    parts_of,
    read_set,
)
from pellucid.errors import UserError, counted, first_line
from pellucid.spec import CENTRE, IMAGENET_MEAN, IMAGENET_SOURCE, IMAGENET_STD, Fit, Spec
from pellucid.system.files import write_atomically

log = logging.getLogger(__name__)

CHUNK = 1024  # images
MAX_NAMED = 3  # missing files


class _MissingError(Exception):
    """Files that are not there; it says which, and nothing where none is."""


@dataclass(frozen=True)
class _Known:
    """What is known of a data set once its files were looked at: its spec, and for each of its labels, (K,),
    the one here, -1 for those that are left out; whether its images are files.
    """

    spec: Spec
    label_of_K: Tensor
    photos: bool


_known: dict[str, _Known] = {}  # in this process, by all that decides it: a sweep's runs look once


class Torchvision(ImageData):
    """The data set of torchvision with that ``name``, its files in ``root`` or downloaded there.

    Its own training, validation and test images are taken as they are; what it lacks is taken from its
    training images. Classes with fewer than ``min_images`` training images are left out. Images that
    torchvision has as arrays are kept in memory, those that are files in the cache, brought to the size by
    ``fit``, see ``Fit``. Looks at the files at
    construction, as the classes stand there. Raises UserError.
    """

    def __init__(
        self,
        *,
        name: str,
        root: str = "~/.cache/pellucid/torchvision",
        split: str | None = None,
        options: Mapping[str, Any] | None = None,
        min_images: int = 1,
        batch_size: int = 64,
        augment: str | Sequence[str] = "none",
        fit: Literal["crop", "pad", "squash"] = "crop",
        val_fraction: float = 0.1,
        test_fraction: float = 0.2,
        cache: str = "~/.cache/pellucid/photos",
        cache_limit: float = 50.0,
        seed: int = 0,
        **given: Any,
    ) -> None:
        if min_images < 1:
            raise UserError(f"data.min_images={min_images}: expected at least 1.")
        self.set, self.root = find_set(name), Path(root).expanduser()
        self.parts = parts_of(self.set, split, options or {})
        self.cache, self.cache_limit = Path(cache).expanduser(), cache_limit
        self.min_images = min_images
        self.contents: dict[str, Content] | None = None
        self.of_files = False
        shares = shares_of(val_fraction, test_fraction, given.get("folds"), given.get("fold", 0))
        ours = [shares, seed] if "all" in self.parts else []
        key = json.dumps([name, str(self.root.resolve()), self.parts, min_images, *ours], default=str)
        if key not in _known:
            self.contents = self._open()
            _known[key] = self._look(self.contents, shares, seed)
        self.label_of_K = _known[key].label_of_K
        check_fit(fit)
        spec = _known[key].spec
        if _known[key].photos:  # nothing is cut off what comes in the net's size
            spec = replace(spec, **fitted(fit, cropped=spec.image_shape[1] == AUTO_SIZE))
        super().__init__(
            spec=spec,
            batch_size=batch_size,
            augment=augment,
            seed=seed,
            val_fraction=val_fraction,
            test_fraction=test_fraction,
            **given,
        )

    @property
    def title(self) -> str:
        return self.set.__name__

    def read(self) -> dict[str, Split]:
        contents = self.contents or self._open()
        self.contents = None  # arrays of several GiB may be among them
        chosen = {part: contents.pop(part).relabelled(self.label_of_K) for part in list(contents)}
        for part, content in chosen.items():
            if len(content.labels_N) == 0:
                raise UserError(
                    f"{self.title}: none of its {part} images is of a class of its training images."
                )
        self.of_files = all(content.pixels_NCHW is None for content in chosen.values())
        if self.of_files:
            splits = self._load_files(chosen)
        else:
            splits = {part: _as_split(part, chosen.pop(part)) for part in list(chosen)}
        self.source = f"torchvision's {self.title} in {self.root}"
        return splits

    def _load_files(self, contents: Mapping[str, Content]) -> dict[str, Split]:
        size, splits = self.spec.image_shape[1:], {}
        files = {part: content.files for part, content in contents.items()}
        loaded = load_together(
            files,
            root=self.root,
            size=size,
            cache=self.cache,
            cache_limit=self.cache_limit,
            fit=Fit() if self.spec.fit_mode == CENTRE else self.spec.fit,  # as runs of before had it
        )
        self.left_out = 0
        for part, photos in loaded.items():
            names = [str(files[part][index].relative_to(self.root)) for index in photos.readable]
            labels_N = contents[part].labels_N[photos.readable]
            splits[part] = Split.whole(photos.images, labels_N, names, photos.digests_N)
            self.left_out += len(photos.broken)
        return splits

    def fingerprint(self) -> str:
        """A hash of every image and its label; of files by their content, whatever size they were read in."""
        return self.fingerprint_by_digests() if self.of_files else super().fingerprint()

    def _open(self) -> dict[str, Content]:
        """The parts that have labels, downloaded where they are not there."""
        contents = {}
        for part, arguments in self.parts.items():
            try:
                content = self._content(arguments)
            except _MissingError as error:
                content = self._complete(arguments, lacks=str(error))
            if bool((content.labels_N >= 0).any()):
                contents[part] = content
            elif part in ("train", "all"):
                raise UserError(f"{self.title}: the images of that split have no labels. Choose another one.")
            else:
                log.info(
                    "The %s images of %s have no labels: some training images stand in.", part, self.title
                )
        return contents

    def _complete(self, arguments: Mapping[str, Any], lacks: str) -> Content:
        """The images of a data set that lacks something, once that is unpacked or downloaded."""
        self._check_root()
        if self._unpack():
            with suppress(_MissingError):
                return self._content(arguments)
        self._download(arguments, lacks)
        try:
            return self._content(arguments)
        except _MissingError as error:
            still = f" ({error})" if str(error) else ""
            raise UserError(
                f"{self.title} is not whole in data.root={self.root}, although it was downloaded{still}. "
                f"Remove its files and try again; expected {self._layout()}."
            ) from error

    def _unpack(self) -> bool:
        """Unpack what is there of MNIST's kind; torchvision would not, where it was packed by others."""
        packed = sorted((self.root / self.title / "raw").glob("*.gz"))
        with suppress(OSError, EOFError, zlib.error):  # damaged: torchvision will tell
            for path in packed:
                if not path.with_suffix("").exists():
                    write_atomically(path.with_suffix(""), gzip.decompress(path.read_bytes()))
        return bool(packed)

    def _check_root(self) -> None:
        """Raise UserError where the root is one of the folders that are expected in it, and not empty."""
        base = self._layout().partition("/")[0]
        home = next((path for path in (self.root, *self.root.parents) if path.name == base), None)
        if home and self.root.is_dir() and any(self.root.iterdir()):
            raise UserError(
                f"data.root={self.root}: {self.title} is not in it. Expected the folder that holds {base}: "
                f"data.root={home.parent}?"
            )

    def _content(self, arguments: Mapping[str, Any]) -> Content:
        """Raises _MissingError where files are not there, and UserError for what is wrong otherwise."""
        before = None
        try:
            before = set(self.root.iterdir()) if self.root.is_dir() else None
            content = read_set(self._make(self.root, arguments, download=False))
        except (UserError, MemoryError):
            raise
        except PermissionError as error:
            raise UserError(f"{error.filename or self.root} may not be read. Make it readable.") from error
        except Exception as error:  # what torchvision and its decoders raise for files of any kind
            self._tidy(before)
            check_packages(self.title, error)
            text = first_line(error).rstrip(".")
            if isinstance(error, (ValueError, TypeError)) and re.search(r"\b([Pp]arameter|argument)\b", text):
                raise UserError(f"data.options: {self.title}: {text}.") from error
            if isinstance(error, RuntimeError) and ("download" in text or "not found" in text):
                raise _MissingError from error
            if isinstance(error, (FileNotFoundError, NotADirectoryError)):
                missing = f"{error.filename} is missing" if error.filename else text
                raise _MissingError(missing.replace(f"{self.root}{os.sep}", "")) from error
            raise UserError(
                f"{self.title} in data.root={self.root} cannot be read ({type(error).__name__}: {text}). "
                f"A file of it is damaged: remove it, so that it is downloaded again. Expected "
                f"{self._layout()}."
            ) from error
        absent = [path for path in content.files if not os.path.lexists(path)]
        if absent:
            names = ", ".join(str(path.relative_to(self.root)) for path in absent[:MAX_NAMED])
            more = ", …" if len(absent) > MAX_NAMED else ""
            files = counted(len(content.files), "image file")
            raise _MissingError(f"{len(absent):,} of {files} are missing: {names}{more}")
        return content

    def _make(self, root: Path | str, arguments: Mapping[str, Any], *, download: bool) -> Any:
        takes = parameters(self.set)
        ours = {"root": str(root), "download": download}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of NumPy and Pillow about how torchvision calls them
            return self.set(**{name: value for name, value in ours.items() if name in takes}, **arguments)

    def _download(self, arguments: Mapping[str, Any], lacks: str) -> None:
        def fetch(folder: str) -> None:
            if "download" not in parameters(self.set):
                raise RuntimeError("torchvision has no address for it")
            log.info("Downloading %s into %s.", self.title, self.root)
            self._make(folder, arguments, download=True)

        download_beside(self.title, self.root, self._layout(), fetch, lacks=lacks)

    def _tidy(self, before: set[Path] | None) -> None:
        """Remove the empty folders that torchvision makes where it finds nothing."""
        with suppress(OSError):
            for path in set(self.root.iterdir()) - (before or set()):
                with suppress(OSError):
                    path.rmdir()
            if before is None:
                self.root.rmdir()

    def _layout(self) -> str:
        return layout_of(self.title).files

    def _look(self, contents: Mapping[str, Content], shares: Shares, seed: int) -> _Known:
        """The classes, those with training images, and the images' shape and statistics."""
        part, train = next((part, contents[part]) for part in ("train", "all") if part in contents)
        counts_K = torch.bincount(train.labels_N[train.labels_N >= 0])
        chosen_K = counts_K >= self.min_images
        names = distinct(train.names, len(counts_K))
        classes = tuple(name for name, chosen in zip(names, chosen_K.tolist(), strict=True) if chosen)
        self._check_counts(counts_K, 1 + len({"val", "test"} - {*contents}))
        label_of_K = torch.where(chosen_K, chosen_K.cumsum(0) - 1, NO_LABEL)
        if train.pixels_NCHW is None:
            side = common_size(train.files)
            spec = Spec(
                image_shape=(3, side, side),
                classes=classes,
                mean=IMAGENET_MEAN,
                std=IMAGENET_STD,
                statistics=IMAGENET_SOURCE,
            )
            return _Known(spec, label_of_K, photos=True)
        train = train.relabelled(label_of_K)
        pixels_NCHW = train.pixels_NCHW
        if part == "all":  # nobody has split these, so what is known in advance hangs on the split as well
            divided = divide({part: _as_split(part, train)}, shares, seed, classes, History())
            pixels_NCHW = divided.splits["train"].images()
        assert pixels_NCHW is not None
        count, channels, height, width = pixels_NCHW.shape
        mean, std = channel_statistics(torch.split(pixels_NCHW, CHUNK))
        spec = Spec(
            image_shape=(channels, height, width),
            classes=classes,
            mean=mean,
            std=std,
            statistics=f"its {count:,} training images",
        )
        return _Known(spec, label_of_K, photos=False)

    def _check_counts(self, counts_K: Tensor, parts: int) -> None:
        """Raise UserError where too few classes are left, or classes with too few images for the splits."""
        counts_K = counts_K[counts_K > 0]
        few = int((counts_K < self.min_images).sum())
        left = len(counts_K) - few
        if left < 2:
            raise UserError(
                f"{self.title} in data.root={self.root}: {left} of {counted(len(counts_K), 'class')} has "
                f"at least {self.min_images} training images; two are needed. Lower data.min_images, or put "
                f"all files there: {self._layout()}."
            )
        if few:
            log.info("Classes of fewer than %d images: %d, left out.", self.min_images, few)
        short = int(((counts_K >= self.min_images) & (counts_K < parts)).sum())
        if short:
            raise UserError(
                f"{self.title}: {counted(short, 'class')} of {left} have fewer than {parts} images, one for "
                f"each of the splits that are taken from them. data.min_images={parts} leaves them out."
            )


def _as_split(part: str, content: Content) -> Split:
    assert content.pixels_NCHW is not None
    return Split.whole(content.pixels_NCHW, content.labels_N, numbered(part, len(content.labels_N)))
