"""A progress bar on a terminal, and one line an epoch everywhere."""

from __future__ import annotations

import logging
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from pellucid.run.epoch import whole_epoch
from pellucid.system.console import console
from pellucid.system.number_text import metric

log = logging.getLogger(__name__)


class Progress(Callback):
    """The bar redraws itself ten times a second, whatever the number of steps."""

    def __init__(self) -> None:
        self._start_step: int | None = None
        self._validated = False
        self._bar: Bar | None = None
        self._task, self._epoch = TaskID(0), ""

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._validated = True  # in an epoch without, Lightning shows the figures of the one before

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._start_step, self._validated = trainer.global_step, False
        if not trainer.is_global_zero or not console.is_terminal:
            return
        self._epoch = _epoch_of(trainer)
        if self._bar is None:
            self._bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=console,
                transient=True,
            )
            self._task = self._bar.add_task("")
            self._bar.start()
        self._bar.reset(self._task, total=trainer.num_training_batches, description=self._epoch)

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        if self._bar is not None:
            self._bar.advance(self._task)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.is_global_zero or not whole_epoch(trainer, self._start_step):
            return
        stages = ("train/", "val/") if self._validated else ("train/",)
        values = [
            f"{name} {metric(float(value))}"
            for name, value in sorted(trainer.callback_metrics.items())
            if name.startswith(stages)
        ]
        log.info("%s", "   ".join([_epoch_of(trainer), *values]))

    def say(self, view: str) -> None:
        """Show on the bar which view is drawn; "": none is."""
        if self._bar is not None:
            self._bar.update(
                self._task, description=f"{self._epoch}, drawing {view}" if view else self._epoch
            )

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._stop()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._stop()


def _epoch_of(trainer: Trainer) -> str:
    """``epoch  3/10``; without the total where a number of steps or a time is the budget."""
    number, total = trainer.current_epoch + 1, trainer.max_epochs
    if total is None or total < 0:
        return f"epoch {number}"
    return f"epoch {number:{len(str(total))}}/{total}"
