"""Ends a trial of a sweep that the sweep's pruner gives up."""

from __future__ import annotations

from collections.abc import Callable

from lightning.pytorch import Callback, LightningModule, Trainer

from pellucid.run.epoch import whole_epoch


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
