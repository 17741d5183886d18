"""Signatures read as text equal those that Python has after importing."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys

import pytest

from pellucid.config.signature import read_signature

TARGETS = [
    "torch.optim.Adam", "torch.optim.AdamW", "torch.optim.SGD",
    "torch.optim.lr_scheduler.CosineAnnealingLR", "torch.optim.lr_scheduler.ReduceLROnPlateau",
    "lightning.pytorch.Trainer", "lightning.pytorch.loggers.TensorBoardLogger",
    "lightning.pytorch.loggers.CSVLogger", "lightning.pytorch.callbacks.EarlyStopping",
    "torch.nn.Linear", "pellucid.model.xai.XAI", "pellucid.data.catdog.CatDog",
    "pellucid.task.classification.Classification", "pellucid.callbacks.summary.Summary",
]  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
def test_equals_inspect(target: str) -> None:
    module, _, name = target.rpartition(".")
    parameters = inspect.signature(getattr(importlib.import_module(module), name)).parameters
    found = read_signature(target)
    assert found is not None
    named = {name: p for name, p in parameters.items() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
    assert list(found.annotations) == list(named)
    assert found.open == any(p.kind == p.VAR_KEYWORD for p in parameters.values())


@pytest.mark.parametrize("target", ["nowhere.Class", "torch.optim.Nothing", "Class", "os.path.join2"])
def test_what_cannot_be_found_is_none(target: str) -> None:
    assert read_signature(target) is None


def test_nothing_is_imported() -> None:
    code = (
        "import sys; from pellucid.config.signature import read_signature;"
        "assert read_signature('lightning.pytorch.Trainer').annotations;"
        "assert not {'torch', 'lightning'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
