"""What views need of a training, whoever wrote it."""

from __future__ import annotations

import inspect

import pytest
from lightning.pytorch.loggers import CSVLogger

from pellucid.callbacks.found_host import FoundHost
from pellucid.callbacks.host import Host
from pellucid.engine.host import RunHost


@pytest.mark.parametrize("kind", [FoundHost, RunHost])
def test_every_host_gives_all_that_views_ask_for(kind: type[Host]) -> None:
    assert not inspect.isabstract(kind)
    for name in Host.__abstractmethods__:
        asked, given = inspect.getattr_static(Host, name), inspect.getattr_static(kind, name)
        if callable(asked):
            assert list(inspect.signature(given).parameters) == list(inspect.signature(asked).parameters), (
                name
            )


def test_a_host_lacks_nothing_by_default(tmp_path: str) -> None:
    class Least(Host):
        images = total = source = batch_size = predictions = None  # type: ignore[assignment]
        predictor = training_images = rows = record = None  # type: ignore[assignment]

    host = Least()
    assert host.split == "validation"
    assert host.has_training_images
    logger = CSVLogger(tmp_path)
    assert host.loggers([logger]) == [logger]
    assert host.best is None
    host.begin_look()
