"""Photos decoded once, in parallel, and kept as one mapped file of pixels.

A cache entry is a folder named by a hash of the file list, sizes, times and image shape. It is built beside
its place and renamed into it, so that a half-built one is never seen and two runs may build it at once.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pellucid.data.decode import WORKERS, decode_or_reason, decoding
from pellucid.data.entry import DIGESTS, SIZES, Entry, Photos, name_in, read_entry, remove, seal
from pellucid.data.images import as_digests
from pellucid.data.pictures import listed, odd_text
from pellucid.errors import UserError, counted
from pellucid.spec import CENTRE, CROP, EVALUATION_CROP, Fit, Size, Values, sides
from pellucid.system.console import console

log = logging.getLogger(__name__)

BAD_SHARE = 0.10  # of the files may be unreadable; above that something is wrong with the folder
KEY = re.compile(r"[0-9a-f]{24}(\.|$)")  # of an entry, and of one that is being built
ATTEMPTS = 3
PART = 2**20  # bytes of a file, summed at a time
STALE_SECONDS = 600  # seconds after which nobody is still building an entry that has not grown
FORMAT = 4  # of the cache: what decode() gives for the same file, and what is kept of it
FORMAT_CENTRE = 3  # of what was cut out of each photo at once, as runs have it that began before there was 4
GROWTH = 2**26  # bytes for which room is made at a time


@dataclass(frozen=True)
class _Made:
    """What is made of each file."""

    channels: int
    height: int
    width: int
    values: Values
    fit: Fit

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.channels, self.height, self.width

    @property
    def text(self) -> str:
        """For a key, that of entries of before where they hold the same."""
        if self.fit.mode == CENTRE:
            return self._text_before(self.fit.crop)
        return f"{FORMAT}/{self._sizes}/{self.fit}"

    @property
    def texts_before(self) -> set[str]:
        """Of what was kept of such photos before they were kept whole."""
        return {self._text_before(crop) for crop in (1.0, EVALUATION_CROP, self.fit.crop)}

    def _text_before(self, crop: float) -> str:
        """Of square RGB as it was when there was nothing else."""
        resample = self.fit.resample
        fitted = "" if (resample, crop) == ("bilinear", 1) else f"/Fit({resample=!r}, {crop=!r})"
        return f"{FORMAT_CENTRE}/{self._sizes}{fitted}"

    @property
    def _sizes(self) -> str:
        size = str(self.height) if self.height == self.width else f"{self.height}x{self.width}"
        return f"{'' if self.channels == 3 else f'{self.channels}x'}{size}/{self.values}"

    @property
    def whole(self) -> bool:
        """Whether photos are kept whole, each of its own size, as crops are cut from them."""
        return self.fit.mode == CROP

    @property
    def least_bytes(self) -> int:
        """Of a photo; a whole one may have more."""
        return self.channels * self.height * self.width

    def of(self, path: Path, odd: dict[Path, str]) -> NDArray[np.uint8] | str:
        """The pixels, or why there are none."""
        return decode_or_reason(
            path,
            (self.height, self.width),
            channels=self.channels,
            values=self.values,
            fit=self.fit,
            whole=self.whole,
            odd=odd,
        )


def load_photos(
    files: Sequence[Path],
    *,
    root: Path,
    size: Size,
    cache: Path,
    cache_limit: float,
    channels: int = 3,
    values: Values = (),
    fit: Fit = Fit(),  # noqa: B008 (it is frozen)
    beside: Sequence[Sequence[Path]] = (),
) -> Photos:
    """The files' pixels, from the cache or decoded into it: ``channels`` of each, see ``decode``; photos that
    are to be cropped are kept whole, see ``WholePhotos``.

    ``cache_limit``: GiB that the cache may take. What was not used for longest makes room for a new entry;
    not what ``beside``, more lists of files of the same root and size, has there: they are used together.
    Unreadable files are named in one warning and left out; more than a tenth of them is a UserError. So are
    those with pixels beyond ``values``, which are taken as the nearest. NaN is the lowest.
    """
    made = _Made(channels, *sides(size), values, fit)
    if not files:
        return Photos(torch.empty((0, *made.shape), dtype=torch.uint8), [], {}, as_digests([]))
    entry = cache / _key(files, root, made)
    room = _Room(cache, cache_limit, made, {cache / _key(more, root, made): len(more) for more in beside})
    for _ in range(ATTEMPTS):
        photos = read_entry(entry, files, root, made.shape)
        if photos is None:
            _tell_of_older(cache, files, root, made)
            room.make(entry, len(files) * made.least_bytes)
            _build(entry, files, root, made, room)
            photos = read_entry(entry, files, root, made.shape)
        if photos is None:
            continue  # another process has cleared it just now, or the disk has damaged it
        with suppress(OSError):  # a cache that may only be read
            os.utime(entry)  # when it was last used
        if photos.broken:
            log.warning("%s", _broken_text(photos.broken, len(files)))
        if photos.odd:
            log.warning("%s", odd_text(photos.odd, len(files)))
        return photos
    raise UserError(
        f"The photo cache {cache} is being cleared by other processes, {ATTEMPTS} times while photos were "
        "decoded into it, or its disk is damaged. Raise data.cache_limit, or give each its own data.cache."
    )


def load_together(
    lists: Mapping[str, Sequence[Path]],
    *,
    root: Path,
    size: Size,
    cache: Path,
    cache_limit: float,
    channels: int = 3,
    values: Values = (),
    fit: Fit = Fit(),  # noqa: B008
) -> dict[str, Photos]:
    """The pixels of several lists of files, as ``load_photos``; none makes room for another."""
    return {
        name: load_photos(
            files,
            root=root,
            size=size,
            cache=cache,
            cache_limit=cache_limit,
            channels=channels,
            values=values,
            fit=fit,
            beside=[more for another, more in lists.items() if another != name],
        )
        for name, files in lists.items()
    }


def entries(cache: Path) -> list[Entry]:
    """What a cache holds, the least recently used first."""
    usable = []
    for path in _ours(cache):
        with suppress(OSError):  # removed by another process meanwhile
            if (path / "index.json").is_file():
                usable.append(Entry.of(path))
    return sorted(usable, key=lambda entry: entry.used)


def clear(cache: Path) -> int:
    """Remove all that a cache holds but what is being built; how many bytes that were."""
    freed = 0
    for path in _ours(cache):
        with suppress(OSError):
            complete = (path / "index.json").is_file()
            if not complete and time.time() - (path / "pixels.bin").stat().st_mtime < STALE_SECONDS:
                continue
            size = Entry.of(path).size
            remove(path)
            freed += size
    return freed


def _ours(cache: Path) -> list[Path]:
    """The folders in the cache that were made here; the user's own, if it is no such folder, stay."""
    folders = (path for path in cache.glob("*") if KEY.match(path.name) and os.access(path, os.X_OK))
    return [path for path in folders if (path / "pixels.bin").is_file()]


@dataclass(frozen=True)
class _Room:
    """The room of a cache, ``limit`` GiB; ``beside`` are entries that stay, and how many photos they have."""

    cache: Path
    limit: float
    made: _Made
    beside: Mapping[Path, int]

    def make(self, entry: Path, size: int) -> None:
        """Remove what was not used for longest, until an entry of so many bytes fits in. Raises UserError."""
        present = entries(self.cache)
        known = {other.path: other.size for other in present}
        needed = size + sum(
            known.get(path, count * self.made.least_bytes) for path, count in self.beside.items()
        )
        if needed > self.limit * 2**30:
            raise UserError(
                f"The photos' pixels take {needed / 2**30:.2g} GiB, more than data.cache_limit={self.limit}. "
                "Give the cache more, or use smaller images by data.image_size."
            )
        evictable = [other for other in present if other.path not in {entry, *self.beside}]
        while evictable and sum(other.size for other in evictable) + needed > self.limit * 2**30:
            with suppress(OSError):
                remove(evictable.pop(0).path)  # those who have it mapped keep it


def _tell_of_older(cache: Path, files: Sequence[Path], root: Path, made: _Made) -> None:
    """Say why photos are decoded again that the cache has as older versions kept them."""
    if not made.whole:
        return
    older = (cache / _key(files, root, made, text) for text in made.texts_before)
    if any((entry / "index.json").is_file() for entry in older):
        log.info(
            "The photo cache keeps photos whole now, and not what was cut out of them: %s are decoded anew, "
            "once. What older runs have in it makes room when that is needed.",
            counted(len(files), "photo"),
        )


def _key(files: Sequence[Path], root: Path, made: _Made, text: str = "") -> str:
    digest = hashlib.sha256(os.fsencode(f"{text or made.text}/{root.resolve()}"))
    for path in files:
        state = "missing"
        with suppress(OSError):
            status = path.stat()
            closed = "" if os.access(path, os.R_OK) else "\0closed"  # opened, it is another set of photos
            state = f"{status.st_size}\0{status.st_mtime_ns}{closed}"
        digest.update(os.fsencode(f"{name_in(root, path)}\0{state}\n"))
    return digest.hexdigest()[:24]


def _build(entry: Path, files: Sequence[Path], root: Path, made: _Made, room: _Room) -> None:
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        half_built = Path(tempfile.mkdtemp(prefix=f"{entry.name}.", dir=entry.parent))
    except OSError as error:
        raise UserError(
            f"The photo cache {entry.parent} cannot be written ({error}). "
            "Choose another folder by data.cache=<folder>."
        ) from error
    try:
        broken: dict[str, str] = {}
        odd: dict[Path, str] = {}
        sums: list[bytes] = []
        sizes: list[tuple[int, int]] = []
        written, reserved = 0, len(files) * made.least_bytes
        work = partial(_decode_and_sum, made=made, odd=odd)
        with (
            decoding(work, files, ahead=2 * WORKERS) as decoded,
            (half_built / "pixels.bin").open("wb") as pixels,
        ):
            progress = console.track(decoded, "Decoding photos, once", len(files))
            for file, (result, content) in zip(files, progress, strict=True):
                if isinstance(result, str):
                    broken[name_in(root, file)] = result
                    continue
                if made.whole:
                    sizes.append((result.shape[1], result.shape[2]))
                    result = result.transpose(1, 2, 0)
                pixels.write(result.tobytes())
                sums.append(content)
                written += result.nbytes
                if written > reserved:
                    reserved = written + GROWTH
                    room.make(entry, written)
        if len(broken) > BAD_SHARE * len(files):
            raise UserError(
                _broken_text(broken, len(files)) + " More than a tenth cannot be used: mend or remove them."
            )
        (half_built / DIGESTS).write_bytes(as_digests(sums).astype("<u8").tobytes())
        if made.whole:
            (half_built / SIZES).write_bytes(np.array(sizes, "<u4").tobytes())
        odd_names = {name_in(root, file): odd[file] for file in files if file in odd}
        count = len(files) - len(broken)
        seal(half_built, entry.name, root=root, broken=broken, odd=odd_names, count=count, shape=made.shape)
        with suppress(OSError):  # another run was first; its entry is the same
            half_built.rename(entry)
    except OSError as error:
        raise UserError(
            f"The photo cache {entry.parent} could not be written ({error}). Make room on that disk, "
            "or choose another folder by data.cache=<folder>."
        ) from error
    finally:
        shutil.rmtree(half_built, ignore_errors=True)


def _decode_and_sum(
    path: Path, *, made: _Made, odd: dict[Path, str]
) -> tuple[NDArray[np.uint8] | str, bytes]:
    """The pixels, or why there are none, and the checksum of the file."""
    pixels = made.of(path, odd)
    if isinstance(pixels, str):
        return pixels, b""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(PART):
            digest.update(part)
    return pixels, digest.digest()


def _broken_text(broken: Mapping[str, str], count: int) -> str:
    share = f"{len(broken)} of {counted(count, 'image file')} cannot be used"
    return f"{share} and {'is' if len(broken) == 1 else 'are'} left out: {listed(broken)}."
