"""One run that several files look at."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.runs import run
from tests.helpers import once

OPTIONS = ("model=dnn", "optimizer.lr=0.01", "trainer.max_epochs=4", "keep_every=2", "seed=0")
SEEN = ("logger=tensorboard", "callbacks=[summary,progress]")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of four epochs with checkpoints of every second one, logged to TensorBoard."""
    return once(tmp_path_factory, "trained_by_engine", lambda folder: run(folder, *OPTIONS, *SEEN))
