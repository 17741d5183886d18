"""The range test of learning rates: a short training at rising rates, on a copy that nothing else sees."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer

from pellucid.config.build import from_environment
from pellucid.config.optimization import range_test_problems
from pellucid.data.image_cache import ImageCache
from pellucid.draw.learning_rate import draw_range_test
from pellucid.draw.png import write_png
from pellucid.engine.averaging import switching
from pellucid.engine.short_training import short_training
from pellucid.errors import UserError
from pellucid.metrics.learning_rate import RangeTest, Rule, choose_rate, has_diverged
from pellucid.system.console import console
from pellucid.system.files import write_csv

log = logging.getLogger(__name__)


class RisingRate(Callback):
    """Each step at a rate that is so many times the last one's; ends where the loss has grown too large."""

    def __init__(self, rates_S: np.ndarray, advance: Any) -> None:
        self.rates_S, self.advance = rates_S, advance
        self.losses: list[float] = []  # of each step of the optimizer
        self._batches: list[float] = []  # of those of which it is made
        self._scales: list[float] = []  # of the groups, of the first rate

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        for optimizer in switching(trainer.optimizers):
            optimizer.train()  # type: ignore[attr-defined]
        self._scales = [group["lr"] / self.rates_S[0] for group in trainer.optimizers[0].param_groups]

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        rate = self.rates_S[min(trainer.global_step, len(self.rates_S) - 1)]
        for group, scale in zip(trainer.optimizers[0].param_groups, self._scales, strict=True):
            group["lr"] = float(rate * scale)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._batches.append(float(outputs["loss"].detach()))
        if trainer.global_step == len(self.losses):  # gradients are accumulated
            return
        self.losses.append(float(np.mean(self._batches)))
        self._batches.clear()
        self.advance()
        if has_diverged(np.array(self.losses)):
            trainer.should_stop = True


def range_test(
    config: Mapping[str, Any],
    *,
    low: float = 1e-6,
    high: float = 1.0,
    steps: int = 100,
    rule: Rule = "valley",
    images: ImageCache | None = None,
) -> RangeTest:
    """The test of the net, data, task and optimizer that ``config`` describes.

    A function of the configuration and its seed; net and optimizer are its own, and the random state is as
    before. On one device; neither schedule nor average are tested. ``images``: what has been read already.
    Raises UserError, also where the losses say nothing.
    """
    if problem := next(range_test_problems(low, high, steps), ""):
        raise UserError(problem)
    optimizer = {**config["optimizer"], "lr": low}
    config = from_environment({**config, "optimizer": optimizer, "scheduler": None})
    rates_S = np.geomspace(low, high, steps)
    with console.progress() as progress:
        bar = progress.add_task("Looking for a learning rate", total=steps)
        rising = RisingRate(rates_S, lambda: progress.advance(bar))
        limits: dict[str, Any] = {"max_epochs": -1, "max_steps": steps, "limit_val_batches": 0}
        short_training(config, rising, images=images, **limits)
    count = len(rising.losses)
    test = choose_rate(rates_S[:count], np.array(rising.losses), rule)
    if test.still_falls:
        log.warning(
            "The loss still falls at %.2g: a higher rate may be better. Look on, high=%.2g.", high, 10 * high
        )
    return test


def write_range_test(test: RangeTest, folder: Path, *, title: str, note: str) -> None:
    """The curve, and its numbers, in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_png(folder / "learning_rate.png", draw_range_test(test, title=title, note=note))
    columns = np.stack([test.lr_S, test.loss_S, test.smooth_S], axis=1).tolist()
    names = ("lr", "loss", "loss/smoothed")
    write_csv(folder / "learning_rate.csv", [dict(zip(names, row, strict=True)) for row in columns])
