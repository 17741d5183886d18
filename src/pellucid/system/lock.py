"""A lock of the file system, between processes and, where the file system has locks, machines."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType


class FileLock:
    """Exclusive; the kernel frees it when its process ends, however that ends.

    ``path`` is a folder, or a file that is made. Used with ``with``, it waits.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None

    def acquire(self, *, wait: bool = True) -> bool:
        """Whether it is ours now. A file system without locks gives it to everyone."""
        if sys.platform == "win32":
            return True
        import fcntl

        flags = os.O_RDONLY if self.path.is_dir() else os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
        handle = os.open(self.path, flags, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(handle)
            return False
        except OSError:
            pass
        except BaseException:
            os.close(handle)
            raise
        self._handle = handle
        return True

    def is_of(self, path: Path) -> bool:
        """Whether what is held is still what lies there, neither removed nor moved away."""
        try:
            return self._handle is None or os.path.samestat(os.fstat(self._handle), path.stat())
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
