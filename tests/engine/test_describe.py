"""What travels with a run's figures."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from lightning.pytorch.accelerators import AcceleratorRegistry
from rich.table import Table

from pellucid.engine.describe import _git_commit, hyperparameters
from pellucid.errors import UserError
from pellucid.system.console import console
from pellucid.system.process import check_device
from tests.helpers import compose


def test_hyperparameters_are_flat_named_by_room_and_free_of_plumbing() -> None:
    shown = hyperparameters(compose("model=cnn", "optimizer=sgd", "seed=3"))
    expected = {
        "seed": 3, "model": "CNN", "model.channels": "[32, 64]", "model.dropout": 0.25, "data": "Digits",
        "optimizer": "SGD", "optimizer.lr": 0.05, "scheduler": "none", "trainer.max_epochs": 1,
    }  # fmt: skip
    assert expected.items() <= shown.items()
    assert not any("_target_" in key or key.startswith(("callbacks", "logger")) for key in shown)
    assert all(isinstance(value, str | int | float) for value in shown.values())


def test_the_commit_of_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert _git_commit() is None
    for line in (
        "init -q",
        "-c user.name=x -c user.email=x@example.com commit -q --allow-empty -m first",
    ):
        subprocess.run(["git", *line.split()], check=True)
    clean = _git_commit()
    assert clean is not None
    assert len(clean) == 40
    (tmp_path / "file").touch()
    subprocess.run(["git", "add", "file"], check=True)
    assert _git_commit() == f"{clean}+"


def test_a_device_that_is_not_there() -> None:
    check_device("auto", "accelerator")
    check_device("cpu", "accelerator")
    missing = [name for name in ("cuda", "mps") if not AcceleratorRegistry.get(name).is_available()]
    for name in missing:
        with pytest.raises(UserError, match=rf"^accelerator={name}: .*Use accelerator=cpu"):
            check_device(name, "accelerator")
    assert missing, "no machine has both"


def test_what_a_user_named_is_shown_as_it_is() -> None:
    with console.capture() as kept:
        console.print(Table("as wide as what is above it", title="runs/[bold]mine"))
    assert "runs/[bold]mine" in kept.get()
