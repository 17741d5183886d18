"""A guard against non-finite losses: stops before one reaches a checkpoint."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from pellucid.errors import UserError


class FiniteLoss(Callback):
    """Checks the losses of the last steps together, as reading each would make a GPU wait."""

    CHECK_EVERY = 50  # steps

    def __init__(self) -> None:
        self._losses: list[Tensor] = []

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._losses.clear()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._losses.append(outputs["loss"].detach())
        if len(self._losses) < self.CHECK_EVERY and not trainer.is_last_batch:
            return
        bad = ~torch.stack(self._losses).isfinite()
        # Every process stops, also where only another one's loss was bad.
        if trainer.strategy.reduce_boolean_decision(bool(bad.any()), all=False):
            step = batch_idx + 1 - len(self._losses) + int(bad.int().argmax())
            checkpoints = "; the checkpoints are from before" if trainer.current_epoch else ""
            raise UserError(
                f"The loss is not a finite number at step {step + 1} of epoch "
                f"{trainer.current_epoch + 1}{checkpoints}. Try a smaller "
                "optimizer.lr, or trainer.gradient_clip_val=1, or trainer.precision=32-true."
            )
        self._losses.clear()
