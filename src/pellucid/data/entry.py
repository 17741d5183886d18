"""An entry of the photo cache: a folder with one file of pixels and an index, verified whenever it is used.

The checksum finds a disk's errors and files that were cut, mixed up or written into; not who may write there
and computes it anew.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import math
import os
import shutil
import stat
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.data.decode import WORKERS, in_threads
from pellucid.data.store import WholePhotos
from pellucid.errors import UserError, first_line
from pellucid.system.console import console

log = logging.getLogger(__name__)

MAX_INDEX = 2**26  # bytes
DIGESTS = "digests.bin"  # 64 bits of each file's checksum
SIZES = "sizes.bin"  # height and width of each whole photo, 32 bits each
SUMMED = 2**24  # bytes of pixels that a thread sums at a time
MIN_SHOWN = 256  # of these parts take long enough to show how far it is
Shape = tuple[int, int, int]  # of an image as a net takes it, (C, H, W)


@dataclass(frozen=True)
class Photos:
    """Decoded photos, (N, C, H, W) uint8, mapped from the cache; which files they are of, and digests."""

    images: Tensor | WholePhotos
    readable: list[int]
    broken: dict[str, str]
    digests_N: NDArray[np.uint64]
    odd: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """One set of photos in the cache: bytes, and seconds since 1970 when it was last used."""

    path: Path
    size: int
    used: float

    @classmethod
    def of(cls, path: Path) -> Entry:
        return cls(path, sum(file.lstat().st_size for file in path.iterdir()), path.lstat().st_mtime)

    @property
    def root(self) -> str:
        """The folder of the photos."""
        try:
            return str(_read_index(self.path)["root"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return "?"


def name_in(root: Path, file: Path) -> str:
    """A file's name from the root on; of one that lies elsewhere all of it."""
    try:
        return str(file.relative_to(root))
    except ValueError:
        return str(file)


def seal(
    entry: Path,
    key: str,
    *,
    root: Path,
    broken: Mapping[str, str],
    odd: Mapping[str, str],
    count: int,
    shape: Shape,
) -> None:
    """Write the index of an entry that will be named ``key`` and has its pixels. Raises OSError."""
    checksum = _checksum(key, str(root), broken, odd, _map(entry, count, shape), _digests(entry, count))
    index = {"root": str(root), "broken": broken, "odd": odd, "checksum": checksum}
    (entry / "index.json").write_text(json.dumps(index), encoding="utf-8")


def read_entry(entry: Path, files: Sequence[Path], root: Path, shape: Shape) -> Photos | None:
    """What the entry holds; None where there is none, or a damaged one, which is told and removed."""
    try:
        return _checked(entry, files, root, shape)
    except FileNotFoundError:
        if not entry.is_dir():
            return None
        reason = "a file of it is missing"
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        reason = first_line(error)
    log.warning("The photo cache's entry %s is damaged (%s): its photos are decoded anew.", entry, reason)
    try:
        remove(entry)
    except OSError as error:  # others are of another process that removes it too
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise UserError(
                f"The photo cache's entry {entry} is damaged ({reason}) and cannot be removed ({error}). "
                "Remove it, or choose another folder by data.cache=<folder>."
            ) from error
    return None


def _checked(entry: Path, files: Sequence[Path], root: Path, shape: Shape) -> Photos:
    """The entry, if it is whole and of these files. Raises anything else."""
    index = _read_index(entry)
    broken, odd = dict[str, str](index["broken"]), dict[str, str](index["odd"])
    readable = list(range(len(files)))
    if broken:
        readable = [number for number, path in enumerate(files) if name_in(root, path) not in broken]
    if len(readable) + len(broken) != len(files):
        raise ValueError("it is of other files")
    pixels, digests_N = _map(entry, len(readable), shape), _digests(entry, len(readable))
    if _checksum(entry.name, index["root"], broken, odd, pixels, digests_N) != index["checksum"]:
        raise ValueError("its checksum is another")
    return Photos(pixels, readable, broken, digests_N, odd)


def _read_index(entry: Path) -> dict[str, Any]:
    path = entry / "index.json"
    if _plain_size(path) > MAX_INDEX:
        raise ValueError(f"its index has more than {MAX_INDEX >> 20} MiB")
    index: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return index


def _map(entry: Path, count: int, shape: Shape) -> Tensor | WholePhotos:
    """The entry's pixels, of whole photos where there are sizes; what is no plain file is not opened."""
    path, sizes = entry / "pixels.bin", _sizes(entry, count)
    length = count * math.prod(shape) if sizes is None else shape[0] * int(sizes.prod(dim=1).sum())
    if _plain_size(path) != length:
        raise ValueError("its pixels have another size")
    pixels = torch.from_file(str(path), shared=False, size=length, dtype=torch.uint8)
    return pixels.view(count, *shape) if sizes is None else WholePhotos(pixels, sizes, shape)


def _sizes(entry: Path, count: int) -> Tensor | None:
    """Heights and widths, (N, 2) int64; None where there are none."""
    path = entry / SIZES
    if not os.path.lexists(path):
        return None
    if _plain_size(path) != 8 * count:
        raise ValueError("its sizes are of other files")
    return torch.from_numpy(np.fromfile(path, "<u4").astype(np.int64).reshape(count, 2))


def _digests(entry: Path, count: int) -> NDArray[np.uint64]:
    path = entry / DIGESTS
    if _plain_size(path) != 8 * count:
        raise ValueError("its digests are of other files")
    return np.fromfile(path, "<u8").astype(np.uint64)


def _plain_size(path: Path) -> int:
    """Of a file that is no link, pipe or device; else ValueError."""
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"{path.name} is no plain file")
    return status.st_size


def _checksum(
    key: str,
    root: str,
    broken: Mapping[str, str],
    odd: Mapping[str, str],
    pixels: Tensor | WholePhotos,
    digests_N: NDArray[np.uint64],
) -> str:
    """Of all that an entry holds, and of its place, in threads."""
    digest = hashlib.sha256(json.dumps([key, root, broken, odd]).encode())
    digest.update(digests_N.data)
    if isinstance(pixels, WholePhotos):
        digest.update(pixels.sizes_M2.numpy().data)
        pixels = pixels.pixels_P
    parts = torch.split(pixels.flatten(), SUMMED)
    with closing(in_threads(_digest, parts, ahead=WORKERS)) as digests:
        for chunk in console.track(digests, "Verifying photos", len(parts), shown=len(parts) >= MIN_SHOWN):
            digest.update(chunk)
    return digest.hexdigest()


def _digest(pixels: Tensor) -> bytes:
    return hashlib.sha256(pixels.numpy().data).digest()


def remove(path: Path) -> None:
    """A folder, or what lies in its place; of a link what it leads to stays."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path)
