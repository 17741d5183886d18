"""Ctrl-C and SIGTERM as a KeyboardInterrupt with the signal's number. Nothing here imports torch."""

from __future__ import annotations

import atexit
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)
HURRY = 5.0  # seconds in which further signals mean the first: its end is on the way
DEAF = 10.0  # seconds after which a signal is not heard any more, as Python waits for code that is not Python


class _State:
    last = heard = -math.inf
    number: int | None = None
    watched = False
    last_words: Callable[[], None] | None = None


def interrupt(number: int, frame: Any = None) -> None:
    """The handler of both."""
    _State.heard = time.monotonic()
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
    if not _State.watched:
        _State.watched = True
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        if hasattr(os, "register_at_fork"):  # whose signals are not ours
            os.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1))
        threading.Thread(target=_watch, args=(reader,), daemon=True).start()


def _watch(signals: int) -> None:
    """End the process by a signal that Python does not come to handle, as it waits for another process, say.

    What is on disk is whole, as after SIGKILL.
    """
    while number := os.read(signals, 1):
        start = time.monotonic()
        while time.monotonic() - start < DEAF and _State.heard < start - HURRY:
            time.sleep(0.1)
        ours = str(getattr(signal.getsignal(number[0]), "__module__", "")).startswith("pellucid.")
        if ours and _State.heard < start - HURRY:
            with suppress(Exception):  # whatever state it is in
                print("Interrupted, amid waiting.", file=sys.stderr, flush=True)
                if _State.last_words:
                    _State.last_words()
            os._exit(128 + number[0])


@contextmanager
def last_words(say: Callable[[], None]) -> Iterator[None]:
    """Within it ``say`` is called, by another thread, where this one does not come to handle a signal."""
    _State.last_words = say
    try:
        yield
    finally:
        _State.last_words = None


def exit_code(error: KeyboardInterrupt) -> int:
    """130 of SIGINT, 143 of SIGTERM."""
    return 128 + int(error.args[0] if error.args else signal.SIGINT)
