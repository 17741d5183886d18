"""Run folders that were never trained: what a table reads of them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml


def fake_run(
    folder: Path,
    *,
    model: str = "cnn",
    seed: int = 0,
    name: str | None = None,
    status: str = "finished",
    figures: Mapping[str, float] | None = None,
    begun: float | None = None,
    data: Mapping[str, Any] | None = None,
    **options: Any,
) -> Path:
    """A run of that model and seed, with these figures of ``metrics.json``."""
    config = {
        "name": name,
        "seed": seed,
        "model": {"_target_": f"nets.{model}"},
        "data": {"_target_": "data.Digits", "seed": seed, "val_fraction": 0.1, **(data or {})},
        "optimizer": {"_target_": "SGD", "lr": 0.001},
        "sweep": {"name": "a"},
        "task": {"_target_": "tasks.Classification"},
        "scheduler": None,
        "trainer": {"_target_": "Trainer", "max_epochs": 1},
        **options,
    }
    choices = {"model": model, "data": "digits", "hydra/launcher": "basic"}
    (folder / ".hydra").mkdir(parents=True)
    for file, content in (
        ("config", config),
        ("hydra", {"hydra": {"runtime": {"choices": choices}}}),
        ("overrides", [f"seed={seed}"]),
    ):
        (folder / ".hydra" / f"{file}.yaml").write_text(yaml.safe_dump(content))
    if begun is not None:
        for path in (folder / ".hydra").iterdir():
            os.utime(path, (begun, begun))
    metrics = {"status": status, "seed": seed, "data/source": "digits", "data/fingerprint": f"of {seed}"}
    (folder / "metrics.json").write_text(json.dumps({**metrics, **(figures or {})}))
    return folder


def accuracies(val: float, test: float, loss: float = 0.5) -> dict[str, float]:
    return {
        "val/loss": loss,
        "val/accuracy": val,
        "test/loss": loss,
        "test/accuracy": test,
        "train/loss": 0.1,
    }
