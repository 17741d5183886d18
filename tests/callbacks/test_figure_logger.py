"""Figures reach the files and every logger that takes images; pixels as they were."""

from __future__ import annotations

from typing import Any

import numpy as np
from lightning.pytorch.loggers import CometLogger, CSVLogger, MLFlowLogger, WandbLogger

from pellucid.callbacks.figure_logger import send


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
    assert flow.experiment.images == [("7", picture, "maps/a", 5)]
    assert comet.experiment.images == [(picture, "maps/a", 5)]

    class Other(CSVLogger):
        """Of a package that has taken up the method of Weights and Biases."""

        def log_image(self, key: str, images: list[Any], step: int) -> None:
            board.log_image(key, images, step)

    assert send(Other("."), "maps/b", picture, b"", 6)
    assert board.images[1:] == [("maps/b", picture, 6)]
    assert not send(CSVLogger("."), "maps/a", picture, b"", 5)
