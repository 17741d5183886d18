"""Image files of any kind as a net takes them, a batch at a time: decoded ahead, in parallel.

Shapes: B images, C channels, H × W pixels.
"""

from __future__ import annotations

import glob
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.data.bounds import UnreadableError
from pellucid.data.decode import decode, decode_or_reason, decoding
from pellucid.data.find import CLOSED, find_photos, is_file
from pellucid.data.grey import Grey
from pellucid.data.opening import EXTENSIONS
from pellucid.errors import UserError, counted, encodable
from pellucid.spec import Fit, Values

log = logging.getLogger(__name__)

AHEAD = 4  # batches
ALWAYS_8 = (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".bmp", ".gif", ".webp")  # bits
BITS = (8, 10, 12, 14, 16)  # that whole numbers have, whatever they are kept in
SAMPLED = 32  # files of a data set
MAX_NAMED = 10  # unreadable files


def find_pictures(pattern: str, option: str = "images") -> list[Path]:
    """The image files that a file, a folder (at any depth) or a pattern such as ``photos/*.jpg`` stands for.

    A folder that may not be listed or entered stands among them, for its files: it will be unreadable.
    Raises UserError, which names the ``option``, where there are none.
    """
    path = Path(pattern).expanduser()
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
            "no file matches this pattern" if glob.has_magic(pattern) else "there is no such file or folder"
        )
    if not files and not closed:
        raise UserError(f"{option}={pattern}: {missing}.")
    return sorted([*files, *closed])


def _closed(pattern: Path) -> list[Path]:
    """The folders on a pattern's way that may not be listed, where it leaves names open, or entered."""
    way = zip([pattern, *pattern.parents], pattern.parents, strict=False)
    closed = {
        Path(folder)
        for below, above in way
        for folder in glob.glob(str(above), recursive=True)  # noqa: PTH207
        if os.path.isdir(folder)  # noqa: PTH112
        and not os.access(folder, os.X_OK | (os.R_OK if glob.has_magic(below.name) else 0))
    }
    return list(closed)


def check_folders(files: Iterable[Path]) -> None:
    """Raise UserError where folders that may not be listed or entered are among the files."""
    folders = [file for file in files if os.path.isdir(file)]  # noqa: PTH112
    if folders:
        more = f" (and {len(folders) - 1} more folders)" if len(folders) > 1 else ""
        raise UserError(f"{folders[0]}{more} {CLOSED}. Make it readable, or name the others by images=….")


def describe_unreadable(unreadable: Mapping[Path, str], count: int) -> str:
    """Which of so many files cannot be read, and why, in one line."""
    return f"{len(unreadable)} of {counted(count, 'file')} cannot be read: {listed(unreadable)}."


def listed(files: Mapping[Any, str]) -> str:
    """The first files, and what is said of them."""
    text = "; ".join(f"{file} ({reason})" for file, reason in list(files.items())[:MAX_NAMED])
    return encodable(text + (f"; and {len(files) - MAX_NAMED} more" if len(files) > MAX_NAMED else ""))


def odd_text(odd: Mapping[Any, str], count: int) -> str:
    """Which of so many files did not fit the values that are black to white, in one line."""
    return (
        f"{len(odd)} of {counted(count, 'image file')} have values that are taken as the nearest that can "
        f"be shown, NaN as the lowest: {listed(odd)}. data.value_range=[<black>,<white>] says what "
        "they range over."
    )


def find_range(files: Sequence[Path]) -> Values:
    """The values of a data set's grey of more than 8 bits, by some of its files, and says so.

    From 0, or the lowest where that is less, to 1 for floats and to the highest of so many bits for whole
    numbers, or the highest where that is more. None where the type tells, or there are several types.
    """
    deep = find_deep(files)
    if len({grey.white for grey in deep}) != 1 or deep[0].white not in (1.0, 65535.0):
        return ()
    low, high = min(0.0, *(grey.lowest for grey in deep)), max(grey.highest for grey in deep)
    whites = [1.0] if deep[0].white == 1 else [2.0**bits - 1 for bits in BITS]
    high = next((white for white in whites if low == 0 and high <= white), high)
    if low == high:
        return ()
    log.info(
        "Grey of more than 8 bits: %g is black and %g white, by %d training images "
        "(data.value_range=[<black>,<white>] chooses others).",
        low,
        high,
        len(deep),
    )
    return low, high


def find_deep(files: Sequence[Path]) -> list[Grey]:
    """What is met in some of the files, of those that have more than 8 bits."""
    candidates = [file for file in files if file.suffix.lower() not in ALWAYS_8]
    sample = candidates[:: max(1, len(candidates) // SAMPLED)][:SAMPLED]
    with decoding(_look, sample, ahead=AHEAD) as looks:
        return [grey for grey in looks if grey.lowest <= grey.highest]


def _look(file: Path) -> Grey:
    grey = Grey()
    with suppress(UnreadableError):
        decode(file, 2, grey)
    return grey


def find_base(pattern: str) -> Path:
    """The folder that names of the files are shown from."""
    path = Path(pattern).expanduser()
    while glob.has_magic(str(path)) or not os.path.isdir(path):  # noqa: PTH112
        path = path.parent
    return path


@dataclass
class Pictures:
    """A reader of image files as images of the net's size, grey of more than 8 bits over ``values``.

    ``unreadable`` says, as they are met, why some are left out; ``odd`` what of others did not fit.
    """

    files: Sequence[Path]
    image_shape: tuple[int, int, int]
    values: Values = ()
    fit: Fit = field(default_factory=Fit)
    unreadable: dict[Path, str] = field(default_factory=dict)
    odd: dict[Path, str] = field(default_factory=dict)

    def tell(self) -> None:
        """Warn of files that could not be read, or with values that did not fit."""
        if self.unreadable:
            log.warning("%s", describe_unreadable(self.unreadable, len(self.files)))
        if self.odd:
            log.warning("%s", odd_text(self.odd, len(self.files)))

    def batches(self, batch_size: int) -> Iterator[tuple[list[Path], Tensor]]:
        """Readable files in their order, and their pixels (B, C, H, W) uint8."""
        files: list[Path] = []
        pixels: list[NDArray[np.uint8]] = []
        read_file = partial(
            decode_or_reason,
            size=self.image_shape[1:],
            channels=self.image_shape[0],
            values=self.values,
            fit=self.fit,
            odd=self.odd,
        )
        with decoding(read_file, self.files, ahead=AHEAD * batch_size) as decoded:
            for file, decoded_CHW in zip(self.files, decoded, strict=True):
                if isinstance(decoded_CHW, str):
                    self.unreadable[file] = decoded_CHW
                    continue
                files.append(file)
                pixels.append(decoded_CHW)
                if len(files) == batch_size:
                    yield files, torch.from_numpy(np.stack(pixels))
                    files, pixels = [], []
        if files:
            yield files, torch.from_numpy(np.stack(pixels))


def _kinds() -> str:
    return ", ".join(sorted(EXTENSIONS))
