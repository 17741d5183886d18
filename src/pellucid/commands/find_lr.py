"""The learning rate of a range test, with its curve."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pellucid.config.command import PathText
from pellucid.draw.formats import in_formats
from pellucid.engine.range_test import range_test, write_range_test
from pellucid.metrics.learning_rate import RULES
from pellucid.system.console import console
from pellucid.system.process import check_device

log = logging.getLogger(__name__)


@in_formats
def find_lr(
    *,
    data: Mapping[str, Any],
    augment: Mapping[str, Any],
    task: Mapping[str, Any],
    optimizer: Mapping[str, Any],
    model: Mapping[str, Any],
    trainer: Mapping[str, Any],
    low: float = 1e-6,
    high: float = 1.0,
    steps: int = 100,
    rule: Literal["valley", "steepest"] = "valley",
    seed: int = 0,
    weights: PathText | None = None,
    packages: Sequence[str] = (),
    figures: Literal["png", "pdf", "svg"] | Sequence[Literal["png", "pdf", "svg"]] = "png",
    out: PathText = "outputs/find_lr",
) -> dict[str, Any]:
    """Train a few steps at rising learning rates; the rate that ``rule`` chooses, and where its curve is.

    ``augment``: options of augmentations, which the data name. ``low``, ``high``: the first and the last
    rate. Nothing is kept of what was trained. Raises UserError.
    """
    check_device(str(trainer.get("accelerator", "auto")), "trainer.accelerator")
    config: dict[str, Any] = {
        **{"data": data, "task": task, "optimizer": optimizer, "model": model, "trainer": trainer},
        **{"seed": seed, "weights": weights, "packages": list(packages)},
    }
    test = range_test(config, low=low, high=high, steps=steps, rule=rule)
    name, shown = (str(config[group]["_target_"]).rpartition(".")[2] for group in ("model", "data"))
    optimizer_name = str(optimizer["_target_"]).rpartition(".")[2]
    folder = Path(out).expanduser().absolute()
    write_range_test(test, folder, title=f"Learning rate of {name} on {shown}", note=optimizer_name)
    console.print(f"optimizer.lr={test.chosen:g}   {RULES[rule]}", markup=False, soft_wrap=True)
    log.info("Written: %s", folder)
    return {"lr": test.chosen, "rule": rule, "steps": len(test.lr_S), "figure": folder / "learning_rate.png"}
