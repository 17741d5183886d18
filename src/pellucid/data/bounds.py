"""Bounds of memory: of files that strangers made, a small one may claim to be endless."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Condition, Lock

from PIL import _imaging

MAX_SIDE = 65_535  # pixels: what the header of a JPEG or a GIF can say
MAX_PIXELS = 178_956_970  # Pillow's own bound against decompression bombs
MAX_FILE = 2**30  # bytes
MAX_WORK = 2**32  # pixels times the scans that a JPEG brings them in
USUAL = 2**26  # bytes that decoding takes of an ordinary photo, at most; 32 threads of these never wait


class UnreadableError(ValueError):
    """A file that gives no pixels, and why, in a line."""


class Budget:
    """Bytes that threads share: who wants more than is left waits, and is not overtaken meanwhile."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._left = total
        self._turn, self._changed = Lock(), Condition()

    @contextmanager
    def taken(self, wanted: int) -> Iterator[None]:
        """Have so many bytes within, at most the ``total``; to take more within that would wait for ever."""
        assert wanted <= self.total
        with self._turn, self._changed:
            self._changed.wait_for(lambda: self._left >= wanted)
            self._left -= wanted
        try:
            yield
        finally:
            with self._changed:
                self._left += wanted
                self._changed.notify_all()


MEMORY = Budget(2**31)  # of all threads that decode
# Freed memory must go back to the system, or glibc keeps 10 GiB for 32 threads that are done. It returns
# blocks of more than 32 MiB at once (Pillow takes 16), and keeps less where threads share a few arenas.
_imaging.set_block_size(2**26)
with suppress(AttributeError, OSError, TypeError):  # another system's
    ctypes.CDLL(None).mallopt(-8, 4)  # M_ARENA_MAX


def check_size(width: int, height: int) -> None:
    """Raise UnreadableError for an image that is too large, or a single pixel."""
    if max(width, height) > MAX_SIDE:
        raise UnreadableError(f"{width} × {height} pixels, a side of more than {MAX_SIDE:,}")
    if width * height > MAX_PIXELS:
        raise UnreadableError(f"{width} × {height} pixels, more than {MAX_PIXELS // 10**6} million")
    if width * height < 2:
        raise UnreadableError("a single pixel")
