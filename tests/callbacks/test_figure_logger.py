"""Figures reach the files and every logger that takes images; pixels as they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import CometLogger, CSVLogger, MLFlowLogger, WandbLogger

from pellucid.callbacks.curves import Curves
from pellucid.callbacks.figure_logger import FigureLogger, send
from pellucid.callbacks.snapshot import Snapshot
from pellucid.engine.build import assemble
from pellucid.run.folder import Run
from tests.helpers import compose


def test_pixels_are_shown_as_they_were(photos: Path, tmp_path: Path) -> None:
    """Normalisation is undone by the data's own mean and std, to the very byte."""
    options = ["data=catdog", f"data.root={photos}", f"data.cache={tmp_path / 'cache'}", "data.image_size=16"]
    config = compose("model=dnn", *options, "callbacks=none")
    data, task = assemble(config)
    data.setup()
    figures = FigureLogger(run=Run(tmp_path), data=data, seed=0, explainers={})
    snapshot = Snapshot(Curves(every_n_epochs=1, figures=figures), Trainer(logger=False), task, epoch=1)
    index = torch.tensor([4, 0])
    shown = snapshot.images("val", index)
    assert np.array_equal(
        snapshot.predictor.pixels(shown), data.splits["val"].images(index).permute(0, 2, 3, 1).numpy()
    )
    assert shown.short_files[1] == data.splits["val"].files[0].removeprefix("train/")
    assert torch.equal(shown.labels_B, data.splits["val"].labels_N[index])


class FakeExperiment:
    def __init__(self) -> None:
        self.images: list[tuple[Any, ...]] = []

    def log_image(self, *arguments: Any, **named: Any) -> None:
        self.images.append((*arguments, *named.values()))


def test_every_logger_that_takes_images_gets_them() -> None:
    """Stand-ins for servers: what Lightning's loggers of those names would be called with."""
    picture = np.zeros((2, 3, 3), np.uint8)

    class Board(WandbLogger):
        def __init__(self) -> None:
            self.images: list[Any] = []

        def log_image(self, key: str, images: list[Any], step: int | None = None, **more: Any) -> None:
            self.images.append((key, images[0], step))

    class Flow(MLFlowLogger):
        run_id = "7"
        experiment = FakeExperiment()

        def __init__(self) -> None: ...

    class Comet(CometLogger):
        experiment = FakeExperiment()

        def __init__(self) -> None: ...

    board, flow, comet = Board(), Flow(), Comet()
    assert all(send(logger, "maps/a", picture, b"", 5) for logger in (board, flow, comet))
    assert board.images == [("maps/a", picture, 5)]
    assert flow.experiment.images == [("7", picture, "maps/a/step_000005.png")]
    assert comet.experiment.images == [(picture, "maps/a", 5)]
    assert not send(CSVLogger("."), "maps/a", picture, b"", 5)
