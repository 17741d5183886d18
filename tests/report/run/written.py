"""Runs whose pages the tests look at, made once for all workers, and pages written of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pellucid.commands.report import report
from pellucid.config.command_line import split
from pellucid.config.data_override import read_data
from tests.fakes import write_photos
from tests.helpers import CONF, make_run, once

SEEN = "callbacks=[embeddings,film_strip]"
CLASSES = ("<script>alert(1)<", "\"quotes\" & 'more'", "猫")
FILE = "<img src=x onerror=alert(2)>.png"


def changed(*overrides: str) -> Any:
    return read_data(split(list(overrides)), CONF)


def run_report(run: Path, **given: Any) -> Path:
    options = {"checkpoint": "best", "seconds": 30.0, "accelerator": "cpu", "data": changed(), "out": None}
    return report(str(run), **{**options, **given})


def digits_run(factory: pytest.TempPathFactory) -> Path:
    """A run on digits whose page was written by the training."""
    options = ("model=cnn", "model.channels=[4,8]", "model.hidden=[16]", "trainer.max_epochs=2")
    views = (SEEN, "callbacks.embeddings.methods=[pca]", "report=true")
    return once(factory, "digits_with_page", lambda folder: make_run(folder, *options, *views))


def hostile_run(factory: pytest.TempPathFactory) -> Path:
    """A run on photos whose classes and files have names that must stay names."""
    return once(factory, "hostile", _make_hostile) / "run"


def _make_hostile(folder: Path) -> None:
    root = folder / "photos"
    for seed, part in enumerate(("train", "test")):
        write_photos(root / part, dict.fromkeys(CLASSES, 8), seed=seed)
    for name in CLASSES:
        photo = next((root / "test" / name).iterdir())
        photo.rename(photo.with_name(FILE))
    data = ("data=image_folder", f"data.root={root}", f"data.cache={folder / 'cache'}", "data.image_size=72")
    make_run(folder / "run", "model=cnn", "model.channels=[2,4]", *data, SEEN)
