"""The record of a run: a row an epoch in ``metrics.csv``, the newest figures in ``metrics.json``.

The rows are part of the checkpoint, so the record of a resumed run is that of one never interrupted.
"""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from pellucid.run.checkpoint import KEY
from pellucid.run.epoch import whole_epoch
from pellucid.run.folder import FORMAT, Run

log = logging.getLogger(__name__)
Watch = Callable[[Sequence[Mapping[str, float]]], None]  # told of the rows after each epoch


class Recorder(Callback):
    """Writes the record. ``config`` and ``spec`` are plain containers, held by every checkpoint.

    ``log_every``: the loss of every so many steps goes to the loggers. ``watch``: who else gets the rows.
    """

    def __init__(
        self,
        *,
        run: Run,
        config: Mapping[str, Any],
        spec: Mapping[str, Any],
        log_every: int,
        watch: Watch | None = None,
    ) -> None:
        self.run, self.config, self.spec, self.log_every = run, dict(config), dict(spec), log_every
        self.watch = watch
        self.rows: list[dict[str, float]] = []
        self._validated: dict[str, float] = {}
        self.started = False
        self._start_step: int | None = None
        self._epoch_start = self._epoch_seconds = self._rate = 0.0

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = state_dict["rows"]

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        checkpoint[KEY] = {"format": FORMAT, "config": self.config, "spec": self.spec}

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.started = True
        self._start_step = trainer.global_step
        self._validated = {}
        self._rate = float(trainer.optimizers[0].param_groups[0]["lr"])
        self._epoch_start = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.is_last_batch:
            if pl_module.device.type == "cuda":
                torch.cuda.synchronize()
            self._epoch_seconds = time.perf_counter() - self._epoch_start
        if self.log_every and (batch_idx + 1) % self.log_every == 0:
            values = {"step/loss": float(outputs["loss"])}
            if any(config.interval == "step" for config in trainer.lr_scheduler_configs):
                values["step/lr"] = float(trainer.optimizers[0].param_groups[0]["lr"])  # of the next step
            for logger in trainer.loggers:
                logger.log_metrics(values, step=trainer.global_step)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._validated = _metrics(trainer, "val/")  # Lightning shows old ones in an epoch without

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.run.check_there()
        if not whole_epoch(trainer, self._start_step):
            if not trainer.is_last_batch:
                log.warning("The budget ended within epoch %d, which is not kept.", trainer.current_epoch + 1)
            return
        row: dict[str, float] = {"epoch": trainer.current_epoch + 1, "step": trainer.global_step}
        row |= {**_metrics(trainer, "train/"), **self._validated}
        self.rows.append({**row, "lr": self._rate, "seconds/train": self._epoch_seconds})
        trained = {name: value for name, value in row.items() if name.startswith("train/")}
        for logger in trainer.loggers:  # Lightning would log these after the checkpoint
            logger.log_metrics({**trained, "epoch": trainer.current_epoch}, step=trainer.global_step - 1)
            logger.log_metrics({"lr": self._rate}, step=trainer.global_step)
        if trainer.is_global_zero:
            self.run.write_rows(self.rows)
            self.run.record({"epochs": len(self.rows)})
            if self.watch is not None:
                self.watch(self.rows)

    def account(self) -> dict[str, float]:
        """What the rows say of the whole training."""
        if not self.rows:
            return {"epochs": 0}
        seconds = statistics.median(row["seconds/train"] for row in self.rows)
        return {"epochs": len(self.rows), "seconds/train_epoch": round(seconds, 4)}


def _metrics(trainer: Trainer, prefix: str) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in trainer.callback_metrics.items()
        if isinstance(value, Tensor) and name.startswith(prefix)
    }
