"""The one abstract base of all views: when to snapshot, and that looking changes nothing.

Axes: B images, C channels, H × W pixels, N images of a split, D embedding.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from pellucid.callbacks.figure_logger import FigureLogger, event_bytes, send, tensorboards
from pellucid.data.base import ImageData
from pellucid.draw.sheet import Picture
from pellucid.errors import UserError, counted, encodable, plain
from pellucid.inside.pixels import to_rgb
from pellucid.inside.preserve_state import preserve_state, unwrap_compiled
from pellucid.inside.reference import choose_reference_images
from pellucid.metrics.predictions import Predictions
from pellucid.run.epoch import is_due, whole_epoch
from pellucid.spec import prepare
from pellucid.task.base import Task


class Visualizer(Callback, ABC):
    """Looks after epoch 1, after every ``every_n_epochs``-th and after the last; or, with None, once before
    training. On rank 0 alone.

    A view implements ``draw``; ``reason`` says why a net cannot be looked at so. What they raise never stops
    the training, but for a UserError of ``reason``, which comes before it: it is told once and counted.
    """

    name: ClassVar[str]

    def __init__(self, *, every_n_epochs: int | None = 1, figures: FigureLogger) -> None:
        if every_n_epochs is not None:
            self.check_count("every_n_epochs", every_n_epochs)
        self.every_n_epochs, self.figures = every_n_epochs, figures
        self._applies = False
        self._start_step: int | None = None
        self._looked_at = self._finished = (0, 0)  # epoch and step

    def check(self) -> None:
        """Raise UserError where a user's class has not what a view needs."""
        if not all(hasattr(self, needed) for needed in ("name", "figures", "every_n_epochs")):
            raise UserError(
                f"{type(self).__name__} is no whole view: expected name = '…' in the class, and in __init__ "
                "super().__init__(every_n_epochs=every_n_epochs, figures=figures)."
            )

    def check_count(self, option: str, value: int, most: int | None = None) -> None:
        """Raise UserError for an option that is not at least 1 and at most ``most``."""
        if value < 1 or (most is not None and value > most):
            expected = "at least 1" if most is None else f"1 to {most:,}"
            raise UserError(f"callbacks.{self.name}.{option}={value}: expected {expected}.")

    def reason(self, snapshot: Snapshot) -> str | None:
        """Why this view does not apply, in a few words; None where it does. Raises UserError for options."""
        return None

    @abstractmethod
    def draw(self, snapshot: Snapshot) -> None:
        """Draw, and hand what was drawn to ``draw``."""

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # On every rank, so that all of them stop at a mistake.
        snapshot = Snapshot(self, trainer, pl_module, epoch=trainer.current_epoch)
        self._applies = False
        try:
            with preserve_state(snapshot.net), torch.no_grad():
                why_not = self.reason(snapshot)
        except UserError as error:
            raise UserError(f"callbacks.{self.name}: {error}") from error
        except Exception as error:
            self.figures.failed(self.name, error)
            return
        self._applies = why_not is None
        if why_not is not None and trainer.is_global_zero:
            self.figures.leave_out(self.name, why_not)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.every_n_epochs is None and trainer.current_epoch == 0:  # not on resuming
            self._look(trainer, pl_module, 0)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._start_step = trainer.global_step

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.every_n_epochs is None or not whole_epoch(trainer, self._start_step):
            return
        epoch = trainer.current_epoch + 1
        self._finished = (epoch, trainer.global_step)
        if is_due(epoch, self.every_n_epochs, trainer):
            self._look(trainer, pl_module, epoch)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        epoch, step = self._finished
        if self._looked_at != self._finished and step == trainer.global_step:
            self._look(trainer, pl_module, epoch)

    def _look(self, trainer: Trainer, pl_module: LightningModule, epoch: int) -> None:
        self._looked_at = (epoch, trainer.global_step)
        snapshot = Snapshot(self, trainer, pl_module, epoch=epoch)
        self.guarded(trainer, snapshot.net, lambda: self.draw(snapshot))

    def guarded(self, trainer: Trainer, net: nn.Module, body: Callable[[], None]) -> None:
        """Run ``body`` where this view applies: the net left as it is, its cost counted, errors survived."""
        if not self._applies or not trainer.is_global_zero:
            return
        start = time.perf_counter()
        try:
            before = event_bytes(trainer.loggers)
            with preserve_state(net), torch.no_grad():
                body()
            self.figures.spent(self.name, size=event_bytes(trainer.loggers) - before)
        except Exception as error:
            self.figures.failed(self.name, error)
        self.figures.spent(self.name, seconds=time.perf_counter() - start)


@dataclass(frozen=True)
class Probes:
    """Some images of a split: as the net takes them, and ``pixels_BHWC``, uint8 RGB, to be shown."""

    index_B: Tensor
    images_BCHW: Tensor
    pixels_BHWC: np.ndarray
    labels_B: Tensor
    names: list[str]
    files: list[str]

    def __len__(self) -> int:
        return len(self.labels_B)


class Snapshot:
    """One moment of a training as a view sees it: after ``epoch`` (counted from 1; 0: before the first)."""

    def __init__(self, view: Visualizer, trainer: Trainer, pl_module: LightningModule, *, epoch: int) -> None:
        assert isinstance(pl_module, Task)
        self._view, self._trainer, self.task, self.epoch = view, trainer, pl_module, epoch
        self.figures = view.figures
        self.net: nn.Module = unwrap_compiled(pl_module.net)
        self.device = pl_module.device
        self.classes = [plain(name) for name in self.data.spec.classes]  # each on one line

    @property
    def data(self) -> ImageData:
        return self.figures.data

    @property
    def predictions(self) -> Predictions | None:
        """What the net said of the images of this epoch's validation; None without one."""
        return self.figures.predictions

    @property
    def seen(self) -> str:
        """Of which images predictions are: ``6,000 validation images``, or how many this process has seen."""
        total, seen = len(self.data.splits["val"]), len(self.predictions or ())
        images = counted(total, "validation image")
        return images if seen == total else f"{seen:,} of {images}"

    def is_due(self, every_n_epochs: int) -> bool:
        """Whether something with that cadence is to be done now."""
        return is_due(self.epoch, every_n_epochs, self._trainer)

    @property
    def title(self) -> str:
        """``after epoch 3``, for headings."""
        return f"after epoch {self.epoch}" if self.epoch else "before training"

    def probes(self, count: int) -> Probes:
        """The first ``count`` of the run's fixed choice of validation images."""
        return self.images(
            "val", choose_reference_images(self.data.splits["val"].labels_N, count, self.figures.seed)
        )

    def images(self, split: str, index_B: Tensor) -> Probes:
        """Those images of a split."""
        rows = self.data.splits[split].subset(index_B)
        images_BCHW = prepare(rows.images(torch.arange(len(rows))), self.data.spec)
        return Probes(
            index_B=index_B,
            images_BCHW=images_BCHW.to(self.device, self.dtype),
            pixels_BHWC=self.pixels(images_BCHW),
            labels_B=rows.labels_N,
            names=[self.classes[label] for label in rows.labels_N.tolist()],
            files=[short(file) for file in rows.files],
        )

    @property
    def dtype(self) -> torch.dtype:
        """What the net's parameters are in: float32, or half with ``trainer.precision=bf16-true``."""
        return next((p.dtype for p in self.net.parameters() if p.is_floating_point()), torch.float32)

    def pixels(self, images_BCHW: Tensor) -> np.ndarray:
        """Normalised images as uint8 RGB, (B, H, W, 3), by the data's own mean and std."""
        return to_rgb(self.data.spec, images_BCHW)

    def batches(self, split: str, index_N: Tensor) -> Iterator[Tensor]:
        """Those images of a split as the net takes them, a batch at a time."""
        for index_B in torch.split(index_N, self.data.batch_size):
            images_BCHW = prepare(self.data.splits[split].images(index_B).to(self.device), self.data.spec)
            yield images_BCHW.to(self.dtype)

    def over(self, split: str, index_N: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
        """``function`` of batches of those images, one after another, float32 on the CPU."""
        return torch.cat([function(images).float().cpu() for images in self.batches(split, index_N)])

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
            logger.log_metrics(finite, step=self._trainer.global_step)

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


def short(file: str) -> str:
    """A file by its folder and name: ``cat/cat.12.jpg``."""
    return "/".join(Path(file).parts[-2:])
