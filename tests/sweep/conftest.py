"""Sweeps within the test's own process, where torch is loaded already."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pellucid.commands.command import run_command
from pellucid.engine.trial import TrialContext
from pellucid.run.folder import Run
from tests.helpers import CONF

QUICK = (
    "model=dnn",
    "data=digits",
    "trainer=cpu",
    "trainer.max_epochs=1",
    "callbacks=none",
    "logger=none",
)

LOG = "optimizer.lr=tag(log,interval(1e-4,1e-2))"
GRID = "optimizer.lr=1e-3,1e-2"
SLOW = pytest.mark.slow


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


Sweep = Callable[..., Ended]


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Sweep:
    """``python train.py -m`` with a quick training, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(*argv: str, quick: bool = True, conf: Path = CONF) -> Ended:
        monkeypatch.setattr(sys, "argv", ["train.py", "-m", *(QUICK if quick else ()), *argv])
        capfd.readouterr()
        before = os.environ.copy()
        try:
            run_command("train.py", conf)
            code: Any = 0
        except SystemExit as ending:
            code = ending.code or 0
        finally:
            os.environ.clear()
            os.environ.update(before)
        out, err = capfd.readouterr()
        return Ended(code=code, out=out, err=err)

    return run


def folder(name: str) -> Path:
    return Path("outputs", "sweeps", name)


def rows(name: str) -> list[dict[str, str]]:
    """The sweep's trials.csv."""
    with Path("outputs", "sweeps", name, "trials.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@dataclass
class FakeTraining:
    """Stands for ``train``: notes each call; its accuracy is what ``result`` says of the configuration."""

    calls: list[dict[str, Any]]
    result: Callable[[dict[str, Any]], float]

    def __call__(
        self, config: dict[str, Any], folder: Path, *, resume: bool, trial: TrialContext
    ) -> dict[str, Any]:
        self.calls.append({"folder": folder, "resume": resume, "config": config, "trial": trial})
        value = self.result(config)
        Run(folder).record({"status": "finished", "seed": config["seed"], "val/accuracy": value})
        return Run(folder).metrics()


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch) -> FakeTraining:
    """The training of every trial is replaced: a run's accuracy is 10 times its learning rate."""
    fake = FakeTraining(calls=[], result=lambda config: 10 * config["optimizer"]["lr"])
    monkeypatch.setattr("pellucid.sweep.worker.train", fake)
    return fake
