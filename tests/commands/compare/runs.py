"""The command compare on small runs."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pellucid.commands.compare.compare import compare
from pellucid.config.command_line import split
from pellucid.config.data_override import read_data
from pellucid.engine.loaded_run import restore
from tests.helpers import CONF


def asked(*argv: str) -> Any:
    return read_data(split(list(argv)), CONF)


def run_compare(*runs: Path, **given: Any) -> dict[str, Any]:
    options = {"layers": "auto", "checkpoint": "best", "accelerator": "cpu", "data": asked(), "out": None}
    return compare([str(run) for run in runs], **{**options, **given})


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def predicted(run: Path) -> tuple[Tensor, Tensor]:
    """The logits that the run's net gives its test images, and their true classes."""
    trained = restore(run, accelerator="cpu")
    data, predictor = trained.data(asked()), trained.predictor()
    test = data.splits["test"]
    logits = predictor.run(predictor.inputs(test.images(torch.arange(len(test)))))
    return logits, test.labels_N
