"""Image files of any kind as a net takes them, a batch at a time: decoded ahead, in parallel.

Shapes: B images, C channels, S pixels a side.
"""

from __future__ import annotations

import glob
import os
import warnings
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.data.photos import EXTENSIONS, decode_or_reason, find_photos
from pellucid.errors import UserError

AHEAD = 4  # batches
NAMED = 10  # unreadable files


def find_pictures(given: str, option: str = "images") -> list[Path]:
    """The image files that a file, a folder (at any depth) or a pattern such as ``photos/*.jpg`` stands for.

    Raises UserError, which names the ``option``, where there are none.
    """
    path = Path(given).expanduser()
    if path.is_file():
        return [path]
    if path.is_dir():
        found = find_photos(path)
        if not found:
            raise UserError(f"{option}={given}: no images in this folder. Expected {_kinds()}.")
        return found
    matched = sorted(Path(name) for name in glob.glob(str(path), recursive=True))  # noqa: PTH207 (of any root)
    files = [file for file in matched if file.is_file()]
    if not files:
        what = "no file matches this pattern" if glob.has_magic(given) else "there is no such file or folder"
        raise UserError(f"{option}={given}: {what}.")
    return files


def told(unreadable: Mapping[Path, str], count: int) -> str:
    """Which of so many files cannot be read, and why, in one line."""
    some = "; ".join(f"{file} ({why})" for file, why in list(unreadable.items())[:NAMED])
    more = f"; and {len(unreadable) - NAMED} more" if len(unreadable) > NAMED else ""
    return os.fsencode(f"{len(unreadable)} of {count} files cannot be read: {some}{more}.").decode(
        errors="backslashreplace"
    )


def find_base(given: str) -> Path:
    """The folder that names of the files are shown from."""
    path = Path(given).expanduser()
    while glob.has_magic(str(path)) or not path.is_dir():
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
        for file, found in self._decoded(AHEAD * batch_size):
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

    def _decoded(self, ahead: int) -> Iterator[tuple[Path, NDArray[np.uint8] | str]]:
        channels, size, _ = self.image_shape
        waiting: deque[tuple[Path, Future[NDArray[np.uint8] | str]]] = deque()
        pool = ThreadPoolExecutor(min(32, os.cpu_count() or 1))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata
            try:
                for file in self.files:
                    waiting.append((file, pool.submit(_read, file, size, channels)))
                    if len(waiting) > ahead:
                        yield _first(waiting)
                while waiting:
                    yield _first(waiting)
            finally:
                pool.shutdown(cancel_futures=True)


def _first(
    waiting: deque[tuple[Path, Future[NDArray[np.uint8] | str]]],
) -> tuple[Path, NDArray[np.uint8] | str]:
    file, future = waiting.popleft()
    return file, future.result()


def _read(file: Path, size: int, channels: int) -> NDArray[np.uint8] | str:
    found = decode_or_reason(file, size)
    if isinstance(found, str) or channels == 3:
        return found
    grey_HW = np.tensordot(np.array([0.299, 0.587, 0.114]), found, 1)  # ITU-R 601, as Pillow's mode L
    return np.repeat(np.round(grey_HW).astype(np.uint8)[None], channels, axis=0)


def _kinds() -> str:
    return ", ".join(sorted(EXTENSIONS))
