"""A run as its views' host, of data whose images can be told by their brightness."""

from __future__ import annotations

from pathlib import Path

import torch

from tests.callbacks.scene import classifier


def test_what_views_are_told_of_a_run(tmp_path: Path) -> None:
    host = classifier(tmp_path).host
    assert host.figures == tmp_path / "figures"
    assert host.log_file == tmp_path / "train.log"
    assert (host.total, host.batch_size, host.source, host.split) == (8, 3, "eight", "validation")
    assert host.best == ("val/accuracy", "max")
    assert host.predictions is None
    assert host.features(torch.arange(3)) is None, "nothing is frozen"
    host.record({"look/seconds/total": 1.5})
    assert host.run.metrics()["look/seconds/total"] == 1.5


def test_training_images_are_those_of_the_first_batches(tmp_path: Path) -> None:
    images = classifier(tmp_path).host.training_images(4)
    assert images.originals is not None
    assert len(images.received_BCHW) == len(images.originals) == 4
    assert torch.allclose(images.received_BCHW * 255, images.originals.pixels_BCHW.float())
    assert images.total == 8
