"""Runs to compare, made once for all workers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.commands.compare.runs import run_compare
from tests.helpers import make_run, once


@pytest.fixture(scope="session")
def dnn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = ("model=dnn", "seed=1", "data.seed=0", "trainer.max_epochs=3")
    return once(tmp_path_factory, "compare_one", lambda folder: make_run(folder / "run", *options)) / "run"


@pytest.fixture(scope="session")
def cnn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the same folder name as the other run."""
    small = ("model=cnn", "model.channels=[8,16]", "model.hidden=[32]", "optimizer.lr=5e-3")
    options = (*small, "data.seed=0", "trainer.max_epochs=2")
    return once(tmp_path_factory, "compare_two", lambda folder: make_run(folder / "run", *options)) / "run"


@pytest.fixture(scope="session")
def redrawing(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    def make(folder: Path) -> None:
        for size in (8, 32):
            make_run(folder / str(size), "model=autoencoder", f"model.sizes=[{size},2]")

    folder = once(tmp_path_factory, "compare_three", make)
    return [folder / "8", folder / "32"]


@pytest.fixture(scope="session")
def found(dnn: Path, cnn: Path) -> dict[str, Any]:
    """What is found of the two classifiers, in the folder that is theirs by default."""
    return run_compare(dnn, cnn)


@pytest.fixture
def listen(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """To be called behind the training, which starts a log of its own."""

    def start() -> None:
        monkeypatch.setattr(logging.getLogger("pellucid"), "propagate", True)
        caplog.set_level(logging.INFO, "pellucid")

    return start
