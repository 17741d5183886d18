"""A lock of the file system, between processes and, where the file system has locks, machines."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType

POLL = 0.005  # seconds: holders are done in about as long
FLAGS: int = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def lock_handle(handle: int, *, wait: bool = False) -> bool:
    """Whether the lock of that open file is ours now. A file system without locks gives it to everyone."""
    from filelock import lock_descriptor  # here: no help text should wait for it

    try:
        return lock_descriptor(handle, blocking=wait, poll_interval=POLL)
    except OSError:
        return True


class FileLock:
    """Exclusive; the kernel frees it when its process ends, however that ends.

    ``path`` is a folder, on Windows the file ``.lock`` in it, or a file that is made. By ``with`` it waits.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None

    def acquire(self, *, wait: bool = True) -> bool:
        """Whether it is ours now. A file system without locks gives it to everyone."""
        path, flags = self.path, os.O_RDWR | os.O_CREAT | FLAGS
        if path.is_dir() and sys.platform == "win32":
            path = path / ".lock"
        elif path.is_dir():
            flags = os.O_RDONLY
        handle = os.open(path, flags, 0o666)
        try:
            ours = lock_handle(handle, wait=wait)
        except BaseException:
            os.close(handle)
            raise
        if ours:
            self._handle = handle
        else:
            os.close(handle)
        return ours

    def is_of(self, path: Path) -> bool:
        """Whether what is held is still what lies there, neither removed nor moved away."""
        if self._handle is None or sys.platform == "win32":  # which moves nothing that is open
            return True
        try:
            return os.path.samestat(os.fstat(self._handle), path.stat())
        except OSError:
            return False

    def release(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> FileLock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
