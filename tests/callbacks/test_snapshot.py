"""One moment of a training, as visualizers see it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from pellucid.callbacks.confusion import Confusion
from pellucid.callbacks.curves import Curves
from pellucid.callbacks.figure_logger import FigureLogger
from pellucid.callbacks.snapshot import Moment, Snapshot
from pellucid.engine.build import assemble
from pellucid.engine.host import RunHost
from pellucid.metrics.predictions import Predictions
from pellucid.run.folder import Run
from tests.callbacks.scene import classifier
from tests.helpers import compose


def test_pixels_are_shown_as_they_were(photos: Path, tmp_path: Path) -> None:
    """Normalisation is undone by the data's own mean and std, to the very byte."""
    options = ["data=catdog", f"data.root={photos}", f"data.cache={tmp_path / 'cache'}", "data.image_size=16"]
    config = compose("model=dnn", *options, "callbacks=none")
    data, task = assemble(config)
    data.setup()
    figures = FigureLogger(host=RunHost(run=Run(tmp_path), data=data), seed=0, explainers={})
    snapshot = Snapshot(Curves(every_n_epochs=1, figures=figures), Moment(task, 1, 7))
    index = torch.tensor([4, 0])
    shown = snapshot.images(index)
    assert np.array_equal(
        snapshot.predictor.pixels(shown), data.splits["val"].images(index).permute(0, 2, 3, 1).numpy()
    )
    assert shown.short_files[1] == data.splits["val"].files[0].removeprefix("train/")
    assert torch.equal(shown.labels_B, data.splits["val"].labels_N[index])


def test_what_a_view_is_told(tmp_path: Path) -> None:
    scene = classifier(tmp_path)
    view = Confusion(figures=scene.figures)
    snapshot = scene.at(view)
    assert (snapshot.title, scene.at(view, 0).title) == ("after epoch 3", "before training")
    assert snapshot.classes == ("cat", "dog")
    assert snapshot.seen == "0 of 8 validation images"
    scene.host.predictions = Predictions(torch.arange(8), torch.zeros(8), {})
    assert snapshot.seen == "8 validation images"
    assert [scene.at(view, epoch).is_due(2) for epoch in (1, 2, 3, 4)] == [True, True, False, True]
    assert snapshot.step == 7
    assert snapshot.predictor is scene.at(view, 4).predictor, "one for all"


def test_images_of_a_split(tmp_path: Path) -> None:
    snapshot = classifier(tmp_path).at(Confusion(figures=classifier(tmp_path).figures))
    reference = snapshot.reference_images(4)
    assert reference.labels_B.tolist() == [0, 0, 1, 1]
    assert reference.names == ["cat", "cat", "dog", "dog"]
    batches = list(snapshot.batches(torch.arange(8)))
    assert [len(images) for images in batches] == [3, 3, 2], "as many as a batch of training has"
    assert [file for images in batches for file in images.files] == [f"val/0000{k}" for k in range(8)]


def test_pictures_numbers_and_texts_reach_the_loggers(tmp_path: Path) -> None:
    scene = classifier(tmp_path)
    snapshot = scene.at(Confusion(figures=scene.figures))
    picture = np.zeros((1, 1, 3), np.uint8)
    snapshot.show(picture)
    snapshot.show(picture, "other", file="named.png")
    assert snapshot.keep(picture, "kept.png") == (scene.figures.folder / "kept.png").read_bytes()
    assert scene.files() == ["confusion/epoch_0003.png", "kept.png", "named.png"]
    snapshot.scalars({"a": 1.5, "b": float("nan"), "c": float("inf")})
    snapshot.text("caf\udce9")
    assert scene.board.noted == [
        ("image", "confusion", 7),
        ("image", "other", 7),
        ("metrics", {"a": 1.5}, 7),
        ("text", "confusion", "caf\\xe9", 7),
    ]
