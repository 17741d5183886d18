"""Runs that every view has looked at, trained once."""

from __future__ import annotations

from pathlib import Path

import pytest

from pellucid.commands.train import train
from tests.helpers import compose


@pytest.fixture(scope="session")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two epochs of the CNN on digits with all views at their defaults; two images a row of the log."""
    folder = tmp_path_factory.mktemp("classifier")
    train(compose("model=cnn", "callbacks=default", "logger=csv", "trainer.max_epochs=2"), folder)
    return folder


@pytest.fixture(scope="session")
def autoencoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("autoencoder")
    train(
        compose("model=autoencoder", "callbacks=default", "logger=tensorboard", "trainer.max_epochs=2"),
        folder,
    )
    return folder
