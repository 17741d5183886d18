"""Photos decoded once, in parallel, and kept as one mapped file of pixels.

A cache entry is a folder named by a hash of the file list, sizes, times and image shape. It is built beside
its place and renamed into it, so that a half-built one is never seen and two runs may build it at once.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
import re
import shutil
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pellucid.data.decode import WORKERS, decode_or_reason, decoding
from pellucid.data.entry import DIGESTS, Entry, Photos, name_in, read_entry, remove, seal
from pellucid.data.images import as_digests
from pellucid.data.pictures import listed, odd_text
from pellucid.errors import UserError, counted
from pellucid.spec import Fit, Size, Values, sides
from pellucid.system.console import console

log = logging.getLogger(__name__)

BAD_SHARE = 0.10  # of the files may be unreadable; above that something is wrong with the folder
KEY = re.compile(r"[0-9a-f]{24}(\.|$)")  # of an entry, and of one that is being built
ATTEMPTS = 3
PART = 2**20  # bytes of a file, summed at a time
STALE_SECONDS = 600  # seconds after which nobody is still building an entry that has not grown
FORMAT = 3  # of the cache: what decode() gives for the same file, and what is kept of it


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
        """For a key: of square RGB as it was when there was nothing else."""
        size = str(self.height) if self.height == self.width else f"{self.height}x{self.width}"
        channels = "" if self.channels == 3 else f"{self.channels}x"
        fitted = "" if self.fit == Fit() else f"/{self.fit}"
        return f"{channels}{size}/{self.values}{fitted}"

    def of(self, path: Path, odd: dict[Path, str]) -> NDArray[np.uint8] | str:
        """The pixels, or why there are none."""
        return decode_or_reason(
            path,
            (self.height, self.width),
            channels=self.channels,
            values=self.values,
            fit=self.fit,
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
    """The files' pixels, from the cache or decoded into it: ``channels`` of each, see ``decode``.

    ``cache_limit``: GiB that the cache may take. What was not used for longest makes room for a new entry;
    not what ``beside``, more lists of files of the same root and size, has there: they are used together.
    Unreadable files are named in one warning and left out; more than a tenth of them is a UserError. So are
    those with pixels beyond ``values``, which are taken as the nearest. NaN is the lowest.
    """
    made = _Made(channels, *sides(size), values, fit)
    if not files:
        return Photos(torch.empty((0, *made.shape), dtype=torch.uint8), [], {}, as_digests([]))
    entry = cache / _key(files, root, made)
    other_entries = {cache / _key(more, root, made) for more in beside}
    for _ in range(ATTEMPTS):
        photos = read_entry(entry, files, root, made.shape)
        if photos is None:
            _make_room(cache, files, beside, made, cache_limit, keep={entry, *other_entries})
            _build(entry, files, root, made)
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


def _make_room(
    cache: Path,
    files: Sequence[Path],
    beside: Sequence[Sequence[Path]],
    made: _Made,
    limit: float,
    *,
    keep: Collection[Path],
) -> None:
    """Remove entries, not ``keep``, until all files stay within the limit, in GiB. Raises UserError."""
    needed = (len(files) + sum(len(more) for more in beside)) * math.prod(made.shape)
    if needed > limit * 2**30:
        raise UserError(
            f"The photos' pixels take {needed / 2**30:.2g} GiB, more than data.cache_limit={limit}. "
            "Give the cache more, or use smaller images by data.image_size."
        )
    evictable = [entry for entry in entries(cache) if entry.path not in keep]
    while evictable and sum(entry.size for entry in evictable) + needed > limit * 2**30:
        with suppress(OSError):
            remove(evictable.pop(0).path)  # those who have it mapped keep it


def _key(files: Sequence[Path], root: Path, made: _Made) -> str:
    digest = hashlib.sha256(os.fsencode(f"{FORMAT}/{made.text}/{root.resolve()}"))
    for path in files:
        state = "missing"
        with suppress(OSError):
            status = path.stat()
            closed = "" if os.access(path, os.R_OK) else "\0closed"  # opened, it is another set of photos
            state = f"{status.st_size}\0{status.st_mtime_ns}{closed}"
        digest.update(os.fsencode(f"{name_in(root, path)}\0{state}\n"))
    return digest.hexdigest()[:24]


def _build(entry: Path, files: Sequence[Path], root: Path, made: _Made) -> None:
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
        work = partial(_decode_and_sum, made=made, odd=odd)
        with (
            decoding(work, files, ahead=2 * WORKERS) as decoded,
            (half_built / "pixels.bin").open("wb") as pixels,
        ):
            progress = console.track(decoded, "Decoding photos, once", len(files))
            for file, (result, content) in zip(files, progress, strict=True):
                if isinstance(result, str):
                    broken[name_in(root, file)] = result
                else:
                    pixels.write(result.tobytes())
                    sums.append(content)
        if len(broken) > BAD_SHARE * len(files):
            raise UserError(
                _broken_text(broken, len(files)) + " More than a tenth cannot be used: mend or remove them."
            )
        (half_built / DIGESTS).write_bytes(as_digests(sums).astype("<u8").tobytes())
        shape = (len(files) - len(broken), *made.shape)
        odd_names = {name_in(root, file): odd[file] for file in files if file in odd}
        seal(half_built, entry.name, root=root, broken=broken, odd=odd_names, shape=shape)
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
