"""The lock: one holder at a time, whoever that is and however it ends."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pellucid.system.lock import FileLock


def test_a_lock_is_one_processs_and_free_when_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from pellucid.system.lock import FileLock\n"
        "print(FileLock(Path(sys.argv[1])).acquire(wait=False), flush=True); time.sleep(60)"
    )
    path = tmp_path / "lock"
    other = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    with other, other.stdout:
        assert other.stdout.readline() == "True\n"
        assert not FileLock(path).acquire(wait=False)
        other.kill()
        other.wait()
    lock = FileLock(path)
    assert lock.acquire(wait=False)
    assert not FileLock(path).acquire(wait=False)
    lock.release()
    with FileLock(path):
        assert not FileLock(path).acquire(wait=False)
    assert FileLock(path).acquire(wait=False)


@pytest.mark.parametrize("name", ["folder", "file"])
def test_one_that_waits_gets_it_when_it_is_free(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    path, taken = tmp_path / name, threading.Event()
    holder = FileLock(path)
    assert holder.acquire(wait=False)

    def wait() -> None:
        with FileLock(path):
            taken.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert not taken.wait(0.05)
    holder.release()
    waiting.join(10)
    assert taken.is_set()
    assert not list((tmp_path / "folder").iterdir()), "a folder is locked without a file in it"


def test_what_is_held_is_known_to_be_gone(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    lock = FileLock(folder)
    assert lock.is_of(folder)
    assert lock.acquire()
    assert lock.is_of(folder)
    folder.rename(tmp_path / "moved")
    assert not lock.is_of(folder)
    folder.mkdir()
    assert not lock.is_of(folder), "another one of the same name"
    lock.release()


def test_a_file_system_without_locks_gives_it_to_everyone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(handle: int, **options: object) -> bool:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("filelock.lock_descriptor", refuse)
    one, other = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert one.acquire()
    assert other.acquire(wait=False)
    one.release()
    other.release()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        FileLock(tmp_path / "link").acquire()
    assert not (tmp_path / "elsewhere").exists()
