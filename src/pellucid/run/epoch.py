"""Ends of epochs that count, and the best epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from lightning.pytorch import Trainer

Rows = Sequence[Mapping[str, float]]


def whole_epoch(trainer: Trainer, start_step: int | None) -> bool:
    """Whether an epoch has ended that began at ``start_step`` (None: none began).

    No budget cut it; and it had steps, unlike the one at which a resumed run of an exhausted budget begins.
    """
    return trainer.is_last_batch and start_step is not None and trainer.global_step > start_step


def is_due(epoch: int, every_n_epochs: int, trainer: Trainer) -> bool:
    """After the first epoch, every n-th, and the last as far as it is known."""
    return epoch in (1, trainer.max_epochs) or epoch % every_n_epochs == 0


def best_epoch(rows: Rows, monitor: str, mode: str) -> int | None:
    """The first epoch with the best finite value, counted from 1; without any value, the last one without."""
    scores = {number: row[monitor] for number, row in enumerate(rows, start=1) if monitor in row}
    finite = {number: score for number, score in scores.items() if math.isfinite(score)}
    if finite:
        return (max if mode == "max" else min)(finite, key=lambda number: finite[number])
    return max((number for number in range(1, len(rows) + 1) if number not in scores), default=None)
