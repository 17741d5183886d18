"""Runs that every view has looked at, trained once for all workers."""

from __future__ import annotations

from pathlib import Path

import pytest

from pellucid.commands.train import train
from tests.helpers import compose, once


@pytest.fixture(scope="session")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two epochs of the CNN on digits with all views at their defaults; two images a row of the log."""
    options = ("model=cnn", "callbacks=default", "logger=csv", "trainer.max_epochs=2")
    return once(tmp_path_factory, "classifier", lambda folder: train(compose(*options), folder))


@pytest.fixture(scope="session")
def autoencoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = ("model=autoencoder", "callbacks=default", "logger=tensorboard", "trainer.max_epochs=2")
    return once(tmp_path_factory, "autoencoder", lambda folder: train(compose(*options), folder))
