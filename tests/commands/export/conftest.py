"""Runs to export, made once for all workers."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.commands.export.runs import run_export
from tests.helpers import make_run, once


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Path:
    """A classifier of photos, which was exported too."""

    def make(folder: Path) -> None:
        data = ("data=catdog", f"data.root={photos}", f"data.cache={folder / 'cache'}", "data.image_size=16")
        options = ("model=dnn", *data, "data.batch_size=8", "trainer.max_epochs=3")
        run_export(make_run(folder / "run", *options))

    return once(tmp_path_factory, "export", make) / "run"


@pytest.fixture(scope="session")
def exported(trained: Path) -> Path:
    return trained / "export" / "best.onnx"


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    monkeypatch.setattr(logging.getLogger("pellucid"), "propagate", True)
    caplog.set_level(logging.INFO, logger="pellucid")
    return caplog
