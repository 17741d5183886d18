"""The contract of optimizers: each learns the digits, and its state fits the like of it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch

from pellucid.engine.build import assemble
from pellucid.engine.checkpoint import fits
from tests.engine.runs import run
from tests.helpers import CONF, compose

PACKAGES = {"lion": "timm", "lamb": "timm", "adamw_schedule_free": "schedulefree"}
NAMES = sorted(path.stem for path in (CONF / "optimizer").glob("*.yaml"))


def test_they_were_found() -> None:
    assert len(NAMES) == 9


@pytest.mark.parametrize("name", NAMES)
def test_digits_are_learned(name: str, tmp_path: Path) -> None:
    if name in PACKAGES and importlib.util.find_spec(PACKAGES[name]) is None:
        pytest.skip(f"{PACKAGES[name]} is not installed")
    small = ["model=cnn", "model.hidden=[100]", f"optimizer={name}"]
    found = run(tmp_path, *small, "trainer.max_epochs=5")
    assert found["test/accuracy"] >= 0.9
    checkpoint = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    (state,) = checkpoint["optimizer_states"]
    _, task = assemble(compose(*small))
    fresh = task.configure_optimizers()
    assert isinstance(fresh, torch.optim.Optimizer)
    assert fits(fresh, state)
    assert not fits(fresh, {**state, "param_groups": []})
