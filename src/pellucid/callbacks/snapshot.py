"""One moment of a training, as visualizers see it.

Axes: B images, C channels, H × W pixels, N images of a split.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor, nn

from pellucid.callbacks.figure_logger import send, tensorboards
from pellucid.data.base import ImageData
from pellucid.errors import counted, encodable
from pellucid.inside.images import Images
from pellucid.inside.predictor import Predictor
from pellucid.inside.reference import choose_reference_images
from pellucid.metrics.predictions import Predictions
from pellucid.run.epoch import is_due
from pellucid.task.base import Task

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

    from pellucid.callbacks.visualizer import Visualizer
    from pellucid.draw.sheet import Picture


class Snapshot:
    """A training after ``epoch``, counted from 1 (0: before the first): its net, images and loggers."""

    def __init__(self, view: Visualizer, trainer: Trainer, pl_module: LightningModule, *, epoch: int) -> None:
        assert isinstance(pl_module, Task)
        self._view, self._trainer, self.task, self.epoch = view, trainer, pl_module, epoch
        self.figures = view.figures

    @property
    def predictor(self) -> Predictor:
        """The net where it is trained, in the arithmetic of its weights; class names are of one line each."""
        return self.figures.predictor(self.task)

    @property
    def net(self) -> nn.Module:
        return self.predictor.net

    @property
    def classes(self) -> tuple[str, ...]:
        return self.predictor.spec.classes

    @property
    def data(self) -> ImageData:
        return self.figures.data

    @property
    def predictions(self) -> Predictions | None:
        """What is predicted of the images of this epoch's validation; None without one."""
        return self.figures.predictions

    @property
    def seen(self) -> str:
        """Of which images predictions are: ``6,000 validation images``, or how many this process has seen."""
        total, count = len(self.data.splits["val"]), len(self.predictions or ())
        images = counted(total, "validation image")
        return images if count == total else f"{count:,} of {images}"

    def is_due(self, every_n_epochs: int) -> bool:
        """Whether something with that cadence is to be done now."""
        return is_due(self.epoch, every_n_epochs, self._trainer)

    @property
    def title(self) -> str:
        """``after epoch 3``, for headings."""
        return f"after epoch {self.epoch}" if self.epoch else "before training"

    def reference_images(self, count: int) -> Images:
        """The first ``count`` of the run's fixed choice of validation images."""
        labels_N = self.data.splits["val"].labels_N
        return self.images("val", choose_reference_images(labels_N, count, self.figures.seed))

    def images(self, split: str, index_B: Tensor) -> Images:
        """Those images of a split."""
        return self.data.splits[split].pick(index_B, self.classes)

    def batches(self, split: str, index_N: Tensor) -> Iterator[Images]:
        """Those images of a split, a batch at a time."""
        for index_B in torch.split(index_N, self.data.batch_size):
            yield self.images(split, index_B)

    def show(self, picture: Picture, what: str | None = None, *, file: str | None = None) -> None:
        """Send a picture to the loggers under the view's name, or another; and keep it.

        The file is ``figures/<what>/epoch_0003.png`` unless another is named.
        """
        what = what or self._view.name
        content = self.keep(picture, file or f"{what}/epoch_{self.epoch:04d}.png")
        for logger in self._trainer.loggers:
            send(logger, what, picture, content, self.step)

    def keep(self, picture: Picture, file: str) -> bytes:
        """Write a picture to that file of ``figures`` alone; the file's content."""
        return self.figures.keep(self._view.name, file, picture)

    def keep_arrays(self, arrays: Mapping[str, np.ndarray], file: str) -> None:
        """Write arrays to that file of ``figures``."""
        self.figures.keep_arrays(self._view.name, file, arrays)

    def scalars(self, values: Mapping[str, float]) -> None:
        """Send finite values to every logger."""
        finite = {key: float(value) for key, value in values.items() if np.isfinite(value)}
        for logger in self._trainer.loggers:
            logger.log_metrics(finite, step=self.step)

    def text(self, markdown: str) -> None:
        """Send a text to TensorBoard."""
        for writer, _ in self.boards:
            writer.add_text(self._view.name, encodable(markdown), self.step)

    @property
    def step(self) -> int:
        """Optimizer steps so far, on the axis of all that is logged."""
        return self._trainer.global_step

    @property
    def boards(self) -> list[tuple[SummaryWriter, Path]]:
        """TensorBoard's writers and their folders."""
        return [(logger.experiment, Path(logger.log_dir)) for logger in tensorboards(self._trainer.loggers)]
