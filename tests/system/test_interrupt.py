"""Signals are heard, also amid foreign code, and the last words said."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pellucid.system import interrupt
from tests.helpers import metrics, start


@pytest.mark.skipif(sys.platform != "linux", reason="of its C library")
def test_a_signal_is_heard_amid_foreign_code() -> None:
    """Where Python waits in a library, for another process that never comes, say."""
    code = """if True:
        import ctypes
        from pellucid.system import interrupt
        interrupt.DEAF = 1.0
        interrupt.install()
        lock, acquire = ctypes.create_string_buffer(64), ctypes.CDLL(None).pthread_mutex_lock
        acquire(lock)
        with interrupt.last_words(lambda: print("last words", flush=True)):
            print("waiting", flush=True)
            acquire(lock)  # for ever
    """
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    time.sleep(0.5)  # it is in the library by then; while it was in Python, it would hear at once
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (143, "last words\n")
    assert err == "Interrupted, amid waiting.\n"


def is_second(process: int) -> bool:
    """Whether it is the second of a training, and none that a library asked something of the machine."""
    with suppress(OSError):  # those have ended by now
        return b"LOCAL_RANK=1" in Path(f"/proc/{process}/environ").read_bytes()
    return False


@pytest.mark.slow
def test_a_process_that_never_comes_is_not_waited_for_in_deafness(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    line = ["callbacks=none", "logger=none", "model=dnn", "trainer=ddp", "trainer.accelerator=cpu"]
    process = start(*line, "trainer.devices=2", f"hydra.run.dir={folder}", cwd=tmp_path, cold=True)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline, second = time.monotonic() + 120, 0
    while not second:
        assert time.monotonic() < deadline
        time.sleep(0.05)
        found = [int(child) for child in children.read_text().split()]
        second = next((child for child in found if is_second(child)), 0)
    os.kill(second, signal.SIGSTOP)
    try:
        time.sleep(8)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 143
        assert metrics(folder)["status"] == "interrupted"
    finally:
        os.kill(second, signal.SIGKILL)
        process.communicate()


@pytest.fixture
def handled() -> Iterator[None]:
    """As in a process whose command has just installed the handler."""
    before = {number: signal.getsignal(number) for number in interrupt.SIGNALS}
    interrupt.install()
    yield
    interrupt.install()
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_hurried_second_signal_means_the_first(handled: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyboardInterrupt) as raised:
        interrupt.interrupt(signal.SIGTERM)
    assert interrupt.exit_code(raised.value) == 143
    interrupt.interrupt(signal.SIGINT)
    now = time.monotonic() + interrupt.HURRY
    monkeypatch.setattr(time, "monotonic", lambda: now)
    with pytest.raises(KeyboardInterrupt) as raised:
        interrupt.interrupt(signal.SIGINT)
    assert interrupt.exit_code(raised.value) == interrupt.exit_code(KeyboardInterrupt()) == 130


def test_a_swallowed_signal_is_raised_again(handled: None) -> None:
    with suppress(KeyboardInterrupt):  # as C code does
        interrupt.interrupt(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        interrupt.check()
