"""Trainings as a user starts them, and what is kept with a run."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from pellucid.engine import temperature as temperatures
from pellucid.engine.loaded_run import restore
from tests.helpers import metrics

QUIET = ["callbacks=none", "logger=none", "report=false", "trainer=cpu"]


def wait_for_epochs(process: subprocess.Popen[str], folder: Path, count: int) -> None:
    """Until the run has recorded that many epochs."""
    deadline = time.monotonic() + 120
    while not ((folder / "metrics.csv").exists() and metrics(folder).get("epochs", 0) >= count):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def temperature_of(run: Path, tta: str) -> temperatures.Temperature:
    """A temperature as evaluation would have fitted it to the run's net."""
    loaded, quality = restore(run, accelerator="cpu"), temperatures.Quality(0.5, 0.1, 100)
    return temperatures.Temperature(
        temperature=2.5,
        tta=tta,
        checkpoint="best.ckpt",
        epoch=loaded.epoch,
        weights=temperatures.weights_hash(loaded.net),
        split="val",
        images=100,
        fingerprint="",
        before=quality,
        after=quality,
        fitted="",
    )
