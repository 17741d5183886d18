"""Seconds and memory of whole commands."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from pellucid.errors import UserError

BARE_IMPORT, HELP, MISTAKE, FIRST_STEP = "bare import", "--help", "a mistyped option", "first training step"
WHOLE, WHOLE_PLAIN = "five epochs of dnn", "the same, a bare script"
HERE = Path(__file__).resolve().parent
KIB = 1 if sys.platform == "darwin" else 1024  # the unit of ru_maxrss, in bytes
RATIOS = {FIRST_STEP: BARE_IMPORT, WHOLE: WHOLE_PLAIN}


class FirstStep(Callback):
    """Ends the process after the first step: how long it takes to get there."""

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        os._exit(0)


# Between us and each command: of a process started by a large one the system reports the large one's memory.
BETWEEN = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:])
_, status, used = os.wait4(process.pid, 0)
process.returncode = os.waitstatus_to_exitcode(status)
print("\\nspent", used.ru_maxrss)
sys.exit(process.returncode)
"""


@dataclass(frozen=True)
class Spent:
    """Seconds of each counted round, and the largest resident memory in MiB."""

    seconds: list[float]
    memory: float

    def median(self) -> float:
        return statistics.median(self.seconds)


def measure(program: Path, fashion: str, rounds: int) -> dict[str, Spent]:
    """Every command in turn, ``rounds`` times after a first one that is not counted."""
    lines = dict(_lines(program, fashion))
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in lines}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds + 1):
            for name, line in lines.items():
                usage = _run(line, Path(folder), code=2 if name == MISTAKE else 0)
                if number:
                    spent[name].append(usage)
    return {
        name: Spent([seconds for seconds, _ in runs], max(memory for _, memory in runs))
        for name, runs in spent.items()
    }


def _lines(program: Path, fashion: str) -> Iterator[tuple[str, list[str]]]:
    quiet = ["callbacks=none", "report=false", "trainer=cpu"]
    first = ["+callbacks.first._target_=benchmarks.processes.FirstStep", "packages=[benchmarks]"]
    whole_run = ["model=dnn", "data=fashion_mnist", f"data.root={fashion}", "trainer.max_epochs=5"]
    train = [sys.executable, str(program)]
    yield BARE_IMPORT, [sys.executable, "-c", "import torch, torchvision, lightning"]
    yield HELP, [*train, "--help"]
    yield MISTAKE, [*train, "model=dnnn"]
    yield FIRST_STEP, [*train, "model=dnn", "data=digits", "logger=none", *quiet, *first]
    yield WHOLE, [*train, *whole_run, *quiet]
    yield WHOLE_PLAIN, [sys.executable, str(HERE / "plain.py"), fashion, "5"]


def _run(line: list[str], folder: Path, code: int) -> tuple[float, float]:
    """Seconds, and MiB at the most."""
    path = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    start = time.perf_counter()
    process = subprocess.run(
        [sys.executable, "-S", "-c", BETWEEN, *line],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parent), *filter(None, path)])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    seconds = time.perf_counter() - start
    output, _, memory = process.stdout.rpartition("\nspent ")
    if process.returncode != code:
        text = "\n".join(output.strip().splitlines()[-8:])
        raise UserError(f"{' '.join(line)} ended with {process.returncode}:\n{text}")
    return seconds, int(memory) * KIB / 2**20


def ratios(spent: Mapping[str, Spent]) -> dict[str, tuple[float, float]]:
    """Of each pair of commands, seconds (the median over rounds) and memory."""
    return {
        name: (
            statistics.median(
                first / second for first, second in zip(spent[name].seconds, spent[base].seconds, strict=True)
            ),
            spent[name].memory / spent[base].memory,
        )
        for name, base in RATIOS.items()
    }
