"""Configurations and runs for the tests."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest
import torch
from torch import Tensor

from pellucid.config import compose as composing
from pellucid.system.lock import FileLock
from tests.forked import WARNINGS, Forked

T = TypeVar("T")
ROOT = Path(__file__).parents[1]
CONF = ROOT / "conf"


def compose(*overrides: str) -> dict[str, Any]:
    """The resolved configuration of a quiet run on the CPU."""
    quiet = ["callbacks=none", "logger=none", "report=false", "trainer=cpu", "trainer.max_epochs=1"]
    quiet.append("share=null")  # pictures do not depend on how fast the machine is
    given = [*quiet, *overrides]
    return composing.container(composing.compose(CONF, "train", given))


def make_run(folder: Path, *overrides: str) -> Path:
    """A trained run's folder, as the command leaves it."""
    from pellucid.commands.train import train
    from pellucid.run.folder import Run

    config = compose(*overrides)
    train(config, folder)
    Run(folder).save_config(config)
    return folder


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder for all workers to read, filled by ``make`` for the first that asks for it."""
    root = factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
    with FileLock(root / f"{name}.lock"):
        if not (root / f"{name}.made").exists():
            make(root / name)
            (root / f"{name}.made").touch()
    return root / name


def metrics(folder: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    return values


def weights(folder: Path, name: str = "last") -> dict[str, Tensor]:
    """The state dict of a run's checkpoint."""
    path = folder / "checkpoints" / f"{name}.ckpt"
    state: dict[str, Tensor] = torch.load(path, weights_only=True)["state_dict"]
    return state


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Bitwise equal, entry by entry."""
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def unprivileged(work: Callable[[], T]) -> T:
    """What ``work`` gives where files' modes hold, for root as well: in a thread without its rights."""
    if os.geteuid() != 0:
        return work()
    if sys.platform != "linux":
        pytest.skip("root may read everything")
    with ThreadPoolExecutor(1, initializer=_give_up) as pool:
        return pool.submit(work).result()


def _give_up() -> None:
    """Take CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH from the thread, for good."""
    libc = ctypes.CDLL(None)
    head, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(head, sets) == 0
    for place in (0, 1):  # those that work, those that may be taken back
        sets[place] &= ~0b110
    assert libc.capset(head, sets) == 0


def start(*argv: str, script: str = "train.py", cold: bool = False, **options: Any) -> subprocess.Popen[str]:
    """A command as a user starts it, and every warning is shown.

    Forked from a process that has imported torch already, unless it is to begin from nothing: ``cold``.
    """
    environment = {**os.environ, "PYTHONWARNINGS": WARNINGS, **options.pop("env", {})}
    popen: type[subprocess.Popen[str]] = subprocess.Popen if cold or sys.platform != "linux" else Forked
    return popen(
        [sys.executable, str(ROOT / script), *argv],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        **{"cwd": ROOT, **options},
    )


def command(*argv: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """The command, run to its end."""
    process = start(*argv, **options)
    out, err = process.communicate(timeout=300)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)
