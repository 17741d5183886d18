"""Keeps ``last.ckpt``, ``best.ckpt`` and, if asked, one checkpoint every few epochs."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint as LightningCheckpoint

from pellucid.checkpoint import write_checkpoint
from pellucid.errors import UserError


class Checkpoint(LightningCheckpoint):
    """After every epoch; the best is the one with the best ``monitor`` on validation so far.

    ``keep_every`` n keeps ``epoch_0003.ckpt`` (epochs counted from 1) after every n-th epoch, 0 none.
    """

    def __init__(self, *, folder: Path, monitor: str, mode: str, keep_every: int) -> None:
        if keep_every < 0:
            raise UserError(f"keep_every={keep_every}: expected 0 (none) or more.")
        self.folder, self.monitor, self.mode, self.keep_every = folder, monitor, mode, keep_every
        self.best_score: float | None = None

    def state_dict(self) -> dict[str, Any]:
        return {"best_score": self.best_score}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best_score = state_dict["best_score"]

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.is_last_batch:  # the budget cut the epoch: resuming will do it again, whole
            return
        score = trainer.callback_metrics.get(self.monitor)
        improved = self.best_score is None if score is None else self._better(float(score))
        if improved and score is not None:
            self.best_score = float(score)
        trainer.save_checkpoint(self.folder / "last.ckpt")
        epoch = trainer.current_epoch + 1
        if trainer.is_global_zero:
            if self.keep_every and epoch % self.keep_every == 0:
                self._copy_last(f"epoch_{epoch:04d}.ckpt")
            if improved:
                self._copy_last("best.ckpt")
        trainer.strategy.barrier()  # the other processes will read them

    def _better(self, score: float) -> bool:
        if not math.isfinite(score):
            return False
        if self.best_score is None:
            return True
        return score > self.best_score if self.mode == "max" else score < self.best_score

    def _copy_last(self, name: str) -> None:
        write_checkpoint(self.folder / name, (self.folder / "last.ckpt").read_bytes())
