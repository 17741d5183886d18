"""How many epochs fit into so many minutes, by the time of a few batches."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from pellucid.data.image_cache import ImageCache
from pellucid.engine.short_training import short_training
from pellucid.errors import counted

log = logging.getLogger(__name__)
BATCHES = {"train": 12, "val": 6}  # that are timed, and those before them
FIRST = 3  # batches that are slower than the others: memory, kernels, compilation
MARGIN = 0.9  # of the time is planned for: other work on the machine, checkpoints
PAGE = 5.0  # seconds that the test and the page of a small net take on two processors


@dataclass(frozen=True)
class Pace:
    """Seconds of a batch in training and validation, and how many of each an epoch has."""

    train_seconds: float
    val_seconds: float
    train_batches: int
    val_batches: int

    @property
    def epoch(self) -> float:
        """Seconds of an epoch, without pictures."""
        return self.train_batches * self.train_seconds + self.val_batches * self.val_seconds


class Stopwatch(Callback):
    """Notes when each batch ends."""

    def __init__(self) -> None:
        self.ends: dict[str, list[float]] = {"train": [], "val": []}
        self.batches = {"train": 0, "val": 0}  # of a whole epoch

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        data = trainer.datamodule  # type: ignore[attr-defined]
        self.batches = {"train": len(data.train_dataloader()), "val": len(data.val_dataloader())}

    def on_train_batch_end(self, *of_step: Any) -> None:
        self.ends["train"].append(time.perf_counter())

    def on_validation_batch_end(self, *of_step: Any, **more: Any) -> None:
        self.ends["val"].append(time.perf_counter())

    def pace(self) -> Pace:
        """The medians of what was noted, the first batches left out."""
        seconds = {}
        for stage, ends in self.ends.items():
            times = [after - before for before, after in pairwise(ends)]
            seconds[stage] = median(times[FIRST:] or times or [0.0])
        return Pace(seconds["train"], seconds["val"], self.batches["train"], self.batches["val"])


def measure_pace(config: Mapping[str, Any], images: ImageCache | None = None) -> Pace:
    """The pace of the training that ``config`` describes, on a copy; ``images``: what has been read.

    Features of frozen layers are computed for each batch, so the pace is at least that. Raises UserError.
    """
    watch = Stopwatch()
    limits = {f"limit_{stage}_batches": FIRST + count for stage, count in BATCHES.items()}
    short_training(config, watch, images=images, features=False, max_epochs=1, **limits)
    return watch.pace()


def epochs_within(minutes: float, pace: Pace, *, spent: float, share: float | None) -> int:
    """Epochs that fit, at least 1; ``spent``: seconds that are gone, or will be after the last; ``share``:
    that of pictures.
    """
    left = MARGIN * (60 * minutes - spent)
    return max(1, math.floor(left / max(1e-9, pace.epoch * (1 + (share or 0)))))


def tell_epochs(epochs: int, minutes: float, pace: Pace, spent: float) -> None:
    """Say how many epochs fit, and by which measurement."""
    log.info(
        "minutes=%g: %s of %.3g s each (%d steps of %.3g ms, and validation); %.0f s were spent before.",
        *(minutes, counted(epochs, "epoch"), pace.epoch, pace.train_batches),
        *(1000 * pace.train_seconds, spent),
    )
    if pace.epoch > 60 * minutes - spent:
        left = max(0.0, minutes - spent / 60)
        log.warning(
            "minutes=%g: a single epoch takes longer than what is left of it, %.3g minutes of %.3g.",
            *(minutes, pace.epoch / 60, left),
        )
