"""Ends of epochs that count."""

from __future__ import annotations

from lightning.pytorch import Trainer


def whole_epoch(trainer: Trainer, start_step: int | None) -> bool:
    """Whether an epoch has ended that began at ``start_step`` (None: none began).

    No budget cut it; and it had steps, unlike the one at which a resumed run of an exhausted budget begins.
    """
    return trainer.is_last_batch and start_step is not None and trainer.global_step > start_step


def is_due(epoch: int, every_n_epochs: int, max_epochs: int | None) -> bool:
    """After the first epoch, every n-th, and the last as far as it is known."""
    return epoch in (1, max_epochs) or epoch % every_n_epochs == 0
