"""Runs on photos, made once for all workers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import make_run, once


def run_on_photos(factory: pytest.TempPathFactory, photos: Path, model: str) -> Path:
    size = ("data.image_size=16", "data.batch_size=6")

    def make(folder: Path) -> None:
        data = ("data=catdog", f"data.root={photos}", f"data.cache={folder / 'cache'}", *size)
        make_run(folder / "run", f"model={model}", *data)

    return once(factory, f"embed_{model}", make) / "run"


@pytest.fixture(scope="session")
def classifier(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Path:
    return run_on_photos(tmp_path_factory, photos, "cnn")


@pytest.fixture(scope="session")
def autoencoder(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Path:
    return run_on_photos(tmp_path_factory, photos, "autoencoder")
