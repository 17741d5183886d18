"""Pruning: ends a trial that the sweep's pruner gives up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from pellucid.engine.trial import TrialContext
from pellucid.run.epoch import whole_epoch
from pellucid.task.base import Task


def make_pruning(sweep: Mapping[str, Any] | None, trial: TrialContext | None, task: Task) -> Pruning | None:
    """In every process of a run whose sweep prunes, as they must agree; the first has a ``trial``."""
    if not (sweep or {}).get("pruner"):
        return None
    if trial is None:
        return Pruning(metric=task.monitor, should_stop=None)
    return Pruning(metric=trial.metric, should_stop=trial.should_stop)


class Pruning(Callback):
    """Asks after every whole epoch, in the first process; the others of a ddp run hear the answer.

    ``should_stop(epoch, value of metric)`` is None in the other processes and outside sweeps.
    """

    def __init__(self, *, metric: str, should_stop: Callable[[int, float], bool] | None) -> None:
        self.metric, self.should_stop = metric, should_stop
        self.pruned = False
        self._start_step: int | None = None

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._start_step = trainer.global_step

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not whole_epoch(trainer, self._start_step):
            return
        value = trainer.callback_metrics.get(self.metric)
        stop = False
        if self.should_stop is not None and value is not None:
            stop = self.should_stop(trainer.current_epoch + 1, float(value))
        if trainer.strategy.reduce_boolean_decision(stop, all=False):
            self.pruned = True
            trainer.should_stop = True
