"""Images of any number of channels as NumPy has them, ``.npy``: nothing in such a file is executed.

Shapes: C channels, H × W pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from pellucid.data.bounds import UnreadableError, check_size
from pellucid.errors import first_line

MAGIC = b"\x93NUMPY"
KINDS = "uint8 or other whole numbers, floats or bool"


@dataclass(frozen=True)
class Array:
    """What the head of such a file says: the array's shape, (H, W), (H, W, C) or (C, H, W), and its type."""

    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]

    def axis(self, channels: int | None = None) -> int | None:
        """Which one the channels are on, the first or the last: that of so many ``channels``, where only one
        has them; else the shorter, the last where they are alike. None of a matrix.
        """
        if len(self.shape) == 2:
            return None
        fits = [axis for axis in (0, 2) if self.shape[axis] == channels]
        if len(fits) == 1:
            return fits[0]
        return 0 if self.shape[0] < self.shape[2] else 2

    def channels(self, expected: int | None = None) -> int:
        """How many it has, where so many are ``expected``."""
        axis = self.axis(expected)
        return 1 if axis is None else self.shape[axis]

    @property
    def pixels(self) -> int:
        """Of a channel."""
        return math.prod(self.shape) // self.channels()

    @property
    def nbytes(self) -> int:
        """Bytes that its values take."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def is_deep(self) -> bool:
        """Whether its values are other than from 0 to 255."""
        return self.dtype.kind != "b" and self.dtype != np.uint8

    @property
    def white(self) -> float:
        """The highest value of its type: 1 of floats, 65,535 of whole numbers, 0 of 8 bits."""
        return 0.0 if not self.is_deep else 1.0 if self.dtype.kind == "f" else 65535.0

    def planes(self, file: BinaryIO, channels: int) -> NDArray[np.generic]:
        """(C, H, W): all values, where so many ``channels`` are expected."""
        file.seek(0)
        values: NDArray[np.generic] = npy.read_array(file, allow_pickle=False)
        axis = self.axis(channels)
        values = values[None] if axis is None else np.moveaxis(values, axis, 0)
        return values.view(np.uint8) * np.uint8(255) if self.dtype.kind == "b" else values


def is_array(file: BinaryIO) -> bool:
    """Whether it begins as such a file does."""
    file.seek(0)
    return file.read(len(MAGIC)) == MAGIC


def read_head(file: BinaryIO) -> Array:
    """The file's head. Raises UnreadableError where it is none of an image, or the file is cut short."""
    file.seek(0)
    try:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(file)
    except (ValueError, EOFError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise UnreadableError(f"damaged, or no NumPy array: {first_line(error)}") from error
    text = " × ".join(map(str, shape)) or "one number"
    if dtype.hasobject:
        raise UnreadableError(f"an array of Python objects, which are not loaded; expected {KINDS}")
    if dtype.kind not in "uifb" or dtype.names:
        raise UnreadableError(f"an array of {dtype}; expected {KINDS}")
    if len(shape) not in (2, 3) or min(shape) < 1:
        raise UnreadableError(f"an array {text}; expected height × width, and channels before or after them")
    array = Array(shape, dtype)
    height, width = (side for axis, side in enumerate(shape) if axis != array.axis())
    check_size(width, height)
    there = file.seek(0, 2) - _head_bytes(file, version)
    if there < array.nbytes:
        raise UnreadableError(
            f"cut short: {max(there, 0):,} of {array.nbytes:,} bytes of its values are there"
        )
    return array


def _head_bytes(file: BinaryIO, version: tuple[int, int]) -> int:
    """Where the values begin."""
    count = 2 if version == (1, 0) else 4
    file.seek(len(MAGIC) + 2)
    return len(MAGIC) + 2 + count + int.from_bytes(file.read(count), "little")
