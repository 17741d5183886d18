"""One moment of a training, as visualizers see it.

Axes: B images, C channels, H × W pixels, N images of a split.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import Logger
from torch import Tensor, nn

from pellucid.callbacks.figure_logger import send, tensorboards
from pellucid.callbacks.host import Host
from pellucid.errors import counted, encodable
from pellucid.inside.images import Images
from pellucid.inside.predictor import Predictor
from pellucid.inside.reference import choose_reference_images
from pellucid.metrics.predictions import Predictions
from pellucid.run.epoch import is_due

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

    from pellucid.callbacks.visualizer import Visualizer
    from pellucid.draw.sheet import Picture


@dataclass(frozen=True)
class Moment:
    """When a training is looked at: after ``epoch``, counted from 1 (0: before the first), and so many
    optimizer steps; ``max_epochs``, as far as they are known. ``module`` is what is trained.
    """

    module: nn.Module
    epoch: int
    step: int
    loggers: Sequence[Logger] = ()
    max_epochs: int | None = None

    @classmethod
    def of(cls, trainer: Trainer, module: nn.Module, epoch: int) -> Moment:
        """Now."""
        return cls(module, epoch, trainer.global_step, trainer.loggers, trainer.max_epochs)


class Snapshot:
    """A training at a moment, for one of its views: the net, images and loggers."""

    def __init__(self, view: Visualizer, moment: Moment) -> None:
        self._view, self._moment, self.epoch = view, moment, moment.epoch
        self.figures = view.figures

    @property
    def host(self) -> Host:
        """The training."""
        return self.figures.host

    @property
    def predictor(self) -> Predictor:
        """The net where it is trained, in the arithmetic of its weights; class names are of one line each."""
        return self.host.predictor(self._moment.module)

    @property
    def net(self) -> nn.Module:
        return self.predictor.net

    @property
    def classes(self) -> tuple[str, ...]:
        return self.predictor.spec.classes

    @property
    def predictions(self) -> Predictions | None:
        """What is predicted of the images of this epoch's validation; None without one."""
        return self.host.predictions

    @property
    def labels(self) -> Tensor:
        """The classes of all images that are looked at, (N,), ``UNKNOWN`` where they are not known."""
        return self.host.images.labels_N

    @property
    def seen(self) -> str:
        """Of which images predictions are: ``6,000 validation images``, or how many this process has seen."""
        return self.counted(len(self.predictions or ()))

    def counted(self, count: int) -> str:
        """``6,000 validation images``, or ``5,000 of 6,000 validation images``."""
        images = counted(self.host.total, f"{self.host.split} image")
        return images if count == self.host.total else f"{count:,} of {images}"

    def is_due(self, every_n_epochs: int) -> bool:
        """Whether something with that cadence is to be done now."""
        return is_due(self.epoch, every_n_epochs, self._moment.max_epochs)

    @property
    def title(self) -> str:
        """``after epoch 3``, for headings."""
        return f"after epoch {self.epoch}" if self.epoch else "before training"

    def reference_images(self, count: int) -> Images:
        """The first ``count`` of the run's fixed choice of validation images."""
        return self.images(choose_reference_images(self.labels, count, self.figures.seed))

    def images(self, index_B: Tensor) -> Images:
        """Those of the images that are looked at."""
        return self.host.images.pick(index_B, self.classes)

    def batches(self, index_N: Tensor) -> Iterator[Images]:
        """The same, a batch at a time."""
        for index_B in torch.split(index_N, self.host.batch_size):
            yield self.images(index_B)

    def show(self, picture: Picture, what: str | None = None, *, file: str | None = None) -> None:
        """Send a picture to the loggers under the view's name, or another; and keep it.

        The file is ``figures/<what>/epoch_0003.png`` unless another is named.
        """
        what = what or self._view.name
        content = self.keep(picture, file or f"{what}/epoch_{self.epoch:04d}.png")
        for logger in self._loggers:
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
        for logger in self._loggers:
            logger.log_metrics(finite, step=self.step)

    def text(self, markdown: str) -> None:
        """Send a text to TensorBoard."""
        for writer, _ in self.boards:
            writer.add_text(self._view.name, encodable(markdown), self.step)

    @property
    def step(self) -> int:
        """Optimizer steps so far, on the axis of all that is logged."""
        return self._moment.step

    @property
    def boards(self) -> list[tuple[SummaryWriter, Path]]:
        """TensorBoard's writers and their folders."""
        return [(logger.experiment, Path(logger.log_dir)) for logger in tensorboards(self._loggers)]

    @property
    def _loggers(self) -> Sequence[Logger]:
        return self.host.loggers(self._moment.loggers)
