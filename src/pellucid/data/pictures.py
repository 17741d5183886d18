"""Image files of any kind as a net takes them, a batch at a time: decoded ahead, in parallel.

Shapes: B images, C channels, S pixels a side.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.data.decode import decode_or_reason, decoding
from pellucid.data.find import CLOSED, find_photos, is_file
from pellucid.data.opening import EXTENSIONS
from pellucid.errors import UserError, counted

AHEAD = 4  # batches
NAMED = 10  # unreadable files


def find_pictures(given: str, option: str = "images") -> list[Path]:
    """The image files that a file, a folder (at any depth) or a pattern such as ``photos/*.jpg`` stands for.

    A folder that may not be listed or entered stands among them, for its files: it will be unreadable.
    Raises UserError, which names the ``option``, where there are none.
    """
    path = Path(given).expanduser()
    if os.path.isfile(path):  # noqa: PTH113 (Path's raise where we may not look)
        return [path]
    closed: list[Path] = []
    if os.path.isdir(path):  # noqa: PTH112
        files = find_photos(path, closed.append)
        missing = f"no images in this folder. Expected {_kinds()}"
    else:
        matched = (Path(name) for name in glob.glob(str(path), recursive=True))  # noqa: PTH207 (of any root)
        files, closed = [file for file in matched if is_file(file)], _closed(path)
        missing = (
            "no file matches this pattern" if glob.has_magic(given) else "there is no such file or folder"
        )
    if not files and not closed:
        raise UserError(f"{option}={given}: {missing}.")
    return sorted([*files, *closed])


def _closed(pattern: Path) -> list[Path]:
    """The folders on a pattern's way that may not be listed, where it leaves names open, or entered."""
    way = zip([pattern, *pattern.parents], pattern.parents, strict=False)
    found = {
        Path(folder)
        for below, above in way
        for folder in glob.glob(str(above), recursive=True)  # noqa: PTH207
        if os.path.isdir(folder)  # noqa: PTH112
        and not os.access(folder, os.X_OK | (os.R_OK if glob.has_magic(below.name) else 0))
    }
    return list(found)


def check_folders(files: Iterable[Path]) -> None:
    """Raise UserError where folders that may not be listed or entered are among the files."""
    folders = [file for file in files if os.path.isdir(file)]  # noqa: PTH112
    if folders:
        others = f" (and {len(folders) - 1} more folders)" if len(folders) > 1 else ""
        raise UserError(f"{folders[0]}{others} {CLOSED}. Make it readable, or name the others by images=….")


def told(unreadable: Mapping[Path, str], count: int) -> str:
    """Which of so many files cannot be read, and why, in one line."""
    some = "; ".join(f"{file} ({why})" for file, why in list(unreadable.items())[:NAMED])
    more = f"; and {len(unreadable) - NAMED} more" if len(unreadable) > NAMED else ""
    return os.fsencode(f"{len(unreadable)} of {counted(count, 'file')} cannot be read: {some}{more}.").decode(
        errors="backslashreplace"
    )


def find_base(given: str) -> Path:
    """The folder that names of the files are shown from."""
    path = Path(given).expanduser()
    while glob.has_magic(str(path)) or not os.path.isdir(path):  # noqa: PTH112
        path = path.parent
    return path


@dataclass
class Pictures:
    """Files as images of the net's size. ``unreadable`` says, as they are met, why some are left out."""

    files: Sequence[Path]
    image_shape: tuple[int, int, int]
    unreadable: dict[Path, str] = field(default_factory=dict)

    def batches(self, batch_size: int) -> Iterator[tuple[list[Path], Tensor]]:
        """Readable files in their order, and their pixels (B, C, S, S) uint8."""
        named: list[Path] = []
        pixels: list[NDArray[np.uint8]] = []
        channels, size, _ = self.image_shape
        read = partial(_read, size=size, channels=channels)
        with decoding(read, self.files, ahead=AHEAD * batch_size) as decoded:
            for file, found in zip(self.files, decoded, strict=True):
                if isinstance(found, str):
                    self.unreadable[file] = found
                    continue
                named.append(file)
                pixels.append(found)
                if len(named) == batch_size:
                    yield named, torch.from_numpy(np.stack(pixels))
                    named, pixels = [], []
        if named:
            yield named, torch.from_numpy(np.stack(pixels))


def _read(file: Path, size: int, channels: int) -> NDArray[np.uint8] | str:
    found = decode_or_reason(file, size)
    if isinstance(found, str) or channels == 3:
        return found
    grey_HW = np.tensordot(np.array([0.299, 0.587, 0.114]), found, 1)  # ITU-R 601, as Pillow's mode L
    return np.repeat(np.round(grey_HW).astype(np.uint8)[None], channels, axis=0)


def _kinds() -> str:
    return ", ".join(sorted(EXTENSIONS))
