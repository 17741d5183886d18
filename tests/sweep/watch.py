"""Sweeps of quick trainings in processes of their own, and who ran what in them, epoch by epoch."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from lightning.pytorch import Callback, LightningModule, Trainer

from tests.helpers import ROOT, metrics, start

SPACE = "optimizer.lr=tag(log,interval(1e-4,1e-1))"
QUICK = ("model=dnn", "data=digits", "trainer=cpu", "callbacks=none", "logger=none")
CPUS = len(os.sched_getaffinity(0))
# Torch would take every processor, unless it is told otherwise.
ENV = {"PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}", "OMP_NUM_THREADS": str(CPUS)}
PATIENCE = 240.0  # seconds


class Epoch(NamedTuple):
    """One epoch of a trial that a process began, counted from 1."""

    trial: int
    process: int
    epoch: int


class Watch(Callback):
    """Notes each epoch in ``folder/epochs``; lets trials meet, and holds them up, as the test wants it.

    ``meet``: no trial goes on before so many processes have begun one.
    ``hold``: none goes on with this epoch before there is a file ``folder/go``; 0: never held up.
    """

    def __init__(self, *, folder: str, meet: int, hold: int) -> None:
        self.folder, self.meet, self.hold = Path(folder), meet, hold

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        number, epoch = Path(trainer.default_root_dir).name, trainer.current_epoch + 1
        with (self.folder / "epochs").open("a") as file:
            file.write(f"{number} {os.getpid()} {epoch}\n")
        wait(lambda: len(processes(self.folder)) >= self.meet)
        if epoch == self.hold:
            wait((self.folder / "go").exists)


def wait(holds: Callable[[], Any], said: Callable[[], object] = lambda: "") -> None:
    """Until it holds."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, f"not within {PATIENCE:.0f} seconds. {said()}"
        time.sleep(0.02)


def epochs(folder: Path) -> list[Epoch]:
    """What was begun, in that order."""
    path = folder / "epochs"
    lines = path.read_text().splitlines() if path.exists() else []
    return [Epoch(*map(int, line.split())) for line in lines]


def line(folder: Path, *options: str, each: int = 1, meet: int = 1, hold: int = 0) -> list[str]:
    """The arguments of a watched sweep ``name``: ``each`` epochs a trial, ``meet`` processes, see Watch."""
    watch = f"{{_target_:tests.sweep.watch.Watch,folder:'{folder}',meet:{meet},hold:{hold}}}"
    return [
        "-m",
        "sweep=random",
        "sweep.name=name",
        *QUICK,
        f"trainer.max_epochs={each}",
        "packages=[tests]",
        f"+callbacks.watch={watch}",
        SPACE,
        *options,
    ]


@contextmanager
def started(
    folder: Path, *argv: str, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """The command in that folder; what is left of it and of what it started is ended afterwards."""
    process = start(*argv, cwd=folder, env={**ENV, **(env or {})}, start_new_session=True)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def ended(process: subprocess.Popen[str], code: int = 0) -> str:
    """What it said, once it has ended."""
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == code, out + err
    assert "Traceback" not in out + err
    return out + err


def run(folder: Path, *argv: str, code: int = 0, env: Mapping[str, str] | None = None) -> str:
    """What the command said."""
    with started(folder, *argv, env=env) as process:
        return ended(process, code)


def check(folder: Path, trials: int, *, each: int = 1, threads: int = CPUS) -> None:
    """The sweep in ``folder/outputs`` has exactly these trials, all finished, with every epoch there once."""
    home = folder / "outputs" / "sweeps" / "name"
    with (home / "trials.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    states = [(row["number"], row["state"]) for row in rows]
    assert states == [(str(number), "finished") for number in range(trials)], rows
    runs = sorted(path.parent.name for path in home.rglob("metrics.json"))
    assert runs == sorted(str(number) for number in range(trials)), runs
    for number in range(trials):
        with (home / str(number) / "metrics.csv").open(encoding="utf-8", newline="") as file:
            found = [int(row["epoch"]) for row in csv.DictReader(file)]
        assert found == list(range(1, each + 1)), (number, found)
        recorded = metrics(home / str(number))
        assert recorded["status"] == "finished", recorded
        assert recorded["threads"] == threads, recorded


def again(folder: Path, trials: int, *, each: int = 1) -> dict[tuple[int, int], int]:
    """How often each (trial, epoch) was begun beyond once; every one was begun."""
    begun = Counter((found.trial, found.epoch) for found in epochs(folder))
    assert begun.keys() == {(n, e) for n in range(trials) for e in range(1, each + 1)}, begun
    return {key: count - 1 for key, count in begun.items() if count > 1}


def processes(folder: Path) -> set[int]:
    """That have begun an epoch."""
    return {found.process for found in epochs(folder)}
