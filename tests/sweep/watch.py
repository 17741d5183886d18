"""Sweeps of quick trainings in processes of their own, and who ran what in them, epoch by epoch."""

from __future__ import annotations

import csv
import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from lightning.pytorch import Callback, LightningModule, Trainer

from tests.helpers import ROOT, metrics

SPACE = "optimizer.lr=tag(log,interval(1e-4,1e-1))"
QUICK = ("model=dnn", "data=digits", "trainer=cpu", "callbacks=none", "logger=none")
ENV = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
PATIENCE = 120.0  # seconds


class Epoch(NamedTuple):
    """One epoch of a trial that a process began, counted from 1."""

    trial: int
    process: int
    epoch: int


class Watch(Callback):
    """Notes each epoch in ``folder/epochs``; lets trials meet, and holds them up, as the test wants it.

    ``processes``: no trial goes on before so many processes have begun one.
    ``hold``: none goes on with this epoch before there is a file ``folder/go``; 0: never held up.
    """

    def __init__(self, *, folder: str, processes: int, hold: int) -> None:
        self.folder, self.processes, self.hold = Path(folder), processes, hold

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        number, epoch = Path(trainer.default_root_dir).name, trainer.current_epoch + 1
        with (self.folder / "epochs").open("a") as file:
            file.write(f"{number} {os.getpid()} {epoch}\n")
        wait(lambda: len({begun.process for begun in epochs(self.folder)}) >= self.processes)
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


def line(folder: Path, *options: str, epochs: int = 1, processes: int = 1, hold: int = 0) -> list[str]:
    """The arguments of a sweep ``name`` that is watched; ``folder`` is where the watch notes."""
    watch = f"{{_target_:tests.sweep.watch.Watch,folder:'{folder}',processes:{processes},hold:{hold}}}"
    return [
        "-m",
        "sweep=random",
        "sweep.name=name",
        *QUICK,
        f"trainer.max_epochs={epochs}",
        "packages=[tests]",
        f"+callbacks.watch={watch}",
        SPACE,
        *options,
    ]


def check(folder: Path, trials: int, *, epochs_each: int = 1) -> None:
    """The sweep in ``folder/outputs`` has exactly these trials, all finished, with every epoch there once."""
    home = folder / "outputs" / "sweeps" / "name"
    with (home / "trials.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["number"], row["state"]) for row in rows] == [(str(n), "finished") for n in range(trials)]
    runs = sorted(path.name for path in home.iterdir() if (path / "metrics.json").exists())
    assert runs == sorted(str(n) for n in range(trials))
    for number in range(trials):
        with (home / str(number) / "metrics.csv").open(encoding="utf-8", newline="") as file:
            assert [int(row["epoch"]) for row in csv.DictReader(file)] == list(range(1, epochs_each + 1))
        assert metrics(home / str(number))["status"] == "finished"
        assert metrics(home / str(number))["threads"] == 1


def check_once(folder: Path, trials: int, *, epochs_each: int = 1) -> None:
    """No epoch of any trial was begun twice."""
    begun = Counter((found.trial, found.epoch) for found in epochs(folder))
    assert begun == {(n, e): 1 for n in range(trials) for e in range(1, epochs_each + 1)}
