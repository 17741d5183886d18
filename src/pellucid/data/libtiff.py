"""What libtiff says of a file: kept for the reason, as on stderr it would name no file."""

from __future__ import annotations

import ctypes
import functools
import threading
from contextlib import suppress
from typing import Any

from PIL import _imaging

LONGEST = 200  # bytes of a line
_of_thread = threading.local()


def forget() -> None:
    """What was said of the last file in this thread."""
    _of_thread.message = ""


def last_message() -> str:
    """The last line since then in this thread; empty where there was none."""
    return str(getattr(_of_thread, "message", ""))


def _keep(module: bytes | None, form: bytes, values: int) -> None:
    """As TIFFSetErrorHandler wants it; ``values`` is a va_list, which is passed as a pointer everywhere."""
    line = ctypes.create_string_buffer(LONGEST)
    _print()(line, LONGEST, form, values)
    _of_thread.message = f"{(module or b'').decode('latin-1')}: {line.value.decode('latin-1')}"


@functools.cache
def _print() -> Any:
    write = ctypes.CDLL(None).vsnprintf
    write.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_void_p]
    return write


HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p)(_keep)  # for good
with suppress(AttributeError, OSError, TypeError):  # where Pillow is linked otherwise: as it was
    _print()
    ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler(HANDLER)
