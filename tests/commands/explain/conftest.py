"""A classifier of photos, trained once for all workers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import make_run, once


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Path:
    def make(folder: Path) -> None:
        data = ("data=catdog", f"data.root={photos}", f"data.cache={folder / 'cache'}", "data.image_size=16")
        make_run(folder / "run", "model=cnn", *data, "trainer.max_epochs=3", "optimizer.lr=3e-3")

    return once(tmp_path_factory, "explain", make) / "run"
