"""Ctrl-C and SIGTERM as a KeyboardInterrupt with the signal's number. Nothing here imports torch."""

from __future__ import annotations

import atexit
import math
import signal
import time
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)
HURRY = 5.0  # seconds in which further signals mean the first: its end is on the way


class _State:
    last = -math.inf
    number: int | None = None


def interrupt(number: int, frame: Any = None) -> None:
    """The handler of both."""
    if time.monotonic() - _State.last >= HURRY:
        _State.last, _State.number = time.monotonic(), number
        raise KeyboardInterrupt(number)


def check() -> None:
    """Raise it again where it may have been swallowed: what a ``__del__`` raises is lost."""
    if _State.number is not None:
        raise KeyboardInterrupt(_State.number)


def install() -> None:
    """From here on, also in a process that was started with SIGINT ignored, as by a script's ``&``."""
    _State.last, _State.number = -math.inf, None
    for number in SIGNALS:
        signal.signal(number, interrupt)
    # Python's own end restores the default, which is death by that signal.
    atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)


def exit_code(error: KeyboardInterrupt) -> int:
    """130 of SIGINT, 143 of SIGTERM."""
    return 128 + int(error.args[0] if error.args else signal.SIGINT)
