"""Trainings as a user starts them."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from tests.helpers import metrics

QUIET = ["callbacks=none", "logger=none", "report=false", "trainer=cpu"]


def wait_for_epochs(process: subprocess.Popen[str], folder: Path, count: int) -> None:
    """Until the run has recorded that many epochs."""
    deadline = time.monotonic() + 120
    while not ((folder / "metrics.csv").exists() and metrics(folder).get("epochs", 0) >= count):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
