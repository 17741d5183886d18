"""Child processes of this one, which end with it, whatever ends it."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from typing import Any

from pellucid.errors import UserError
from pellucid.system.console import lines_of
from pellucid.system.interrupt import SIGNALS, exit_code, install

USERS_MISTAKE = 2  # an exit code
GRACE_SECONDS = 20.0  # seconds for what is interrupted to note that, and to end


def run_processes(count: int, target: Callable[..., None], *args: Any) -> list[int]:
    """``target(*args)`` in so many processes at once; their exit codes when all have ended.

    One of USERS_MISTAKE has told it. An interrupt ends them first.
    """
    context = multiprocessing.get_context("spawn")
    work = pickle.dumps((target, args))  # to be read before its imports, for which start would wait
    processes = [context.Process(target=_run, args=(work,)) for _ in range(count)]
    resource_tracker.ensure_running()  # which would let signals through, were it started within
    try:
        with _ctrl_c_blocked():
            for process in processes:
                process.start()
        for process in processes:
            process.join()
    except BaseException:
        _end([process for process in processes if process.pid is not None])
        raise
    return [process.exitcode or 0 for process in processes]


def _end(processes: list[SpawnProcess]) -> None:
    deadline = time.monotonic() + GRACE_SECONDS
    try:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(max(0.0, deadline - time.monotonic()))
    finally:
        for process in processes:
            process.kill()


def _run(work: bytes) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    target, args = pickle.loads(work)
    try:
        install()
        _mask(block=False)  # until here, where it would have ended the imports in a traceback
        target(*args)
    except UserError as error:
        print(lines_of(f"error: {error}"), file=sys.stderr)
        raise SystemExit(USERS_MISTAKE) from None
    except KeyboardInterrupt as error:
        raise SystemExit(exit_code(error)) from None
    finally:
        for number in SIGNALS:  # nothing is left to interrupt
            signal.signal(number, signal.SIG_IGN)


def _end_with_parent() -> None:
    """A sweep that was killed leaves nobody behind who would train on beside the next one."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    print("The process that began this one was killed; this one ends, too.", file=sys.stderr, flush=True)
    os._exit(1)


@contextmanager
def _ctrl_c_blocked() -> Iterator[None]:
    """Also in processes that are begun within it."""
    _mask(block=True)
    try:
        yield
    finally:
        _mask(block=False)


def _mask(*, block: bool) -> None:
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_BLOCK if block else signal.SIG_UNBLOCK, [signal.SIGINT])
