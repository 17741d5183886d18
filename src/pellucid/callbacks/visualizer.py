"""The one abstract base of all views: when to snapshot, and that looking changes nothing.

Axes: B images, C channels, H × W pixels, N images of a split, D embedding.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import nn

from pellucid.callbacks.figure_logger import FigureLogger, event_bytes
from pellucid.callbacks.snapshot import Snapshot
from pellucid.errors import UserError
from pellucid.inside.preserve_state import preserve_state
from pellucid.run.epoch import is_due, whole_epoch


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
