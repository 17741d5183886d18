"""A run that is trained, and goes on, with a logger; and what every logger must hold of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.engine.runs import rows, run
from tests.helpers import metrics
from tests.logger.read import Seen

OPTIONS = ("model=dnn", "data.batch_size=128", "callbacks=[samples,confusion]", "name=deeper")


def train_twice(folder: Path, logger: str, *options: str) -> None:
    """Two epochs, and after that a third."""
    line = (*OPTIONS, f"logger={logger}", *options)
    run(folder, *line, "trainer.max_epochs=2")
    run(folder, *line, "trainer.max_epochs=3", resume=True)


def check_metrics(folder: Path, seen: Mapping[str, Mapping[int, float]]) -> None:
    """A service has the run's curves at their steps, and what its best checkpoint has reached."""
    expected, final = rows(folder / "metrics.csv"), metrics(folder)
    for name in ("train/loss", "val/loss", "val/accuracy"):
        values = {int(row["step"]) - 1: float(row[name]) for row in expected}
        assert seen[name] == pytest.approx(values), name
    last = max(seen["test/accuracy"])
    assert seen["test/accuracy"][last] == pytest.approx(final["test/accuracy"])
    assert seen["best/val/loss"][last] == pytest.approx(final["val/loss"])


def check_parameters(parameters: Mapping[str, Any]) -> None:
    """A service has the run's options, those that TensorBoard's HPARAMS show."""
    some: dict[str, Any] = {"model": "DNN", "data.batch_size": 128, "optimizer.lr": 0.001, "name": "deeper"}
    assert {key: type(value)(parameters[key]) for key, value in some.items()} == some


def expected_pictures(folder: Path) -> list[tuple[str, int]]:
    """The pictures that the run's folder has, by view and step."""
    steps = {0: 0, **{int(row["epoch"]): int(row["step"]) for row in rows(folder / "metrics.csv")}}
    files = sorted((folder / "figures").glob("*/epoch_*.png"))
    assert len(files) >= 3
    return sorted((path.parent.name, steps[int(path.stem.removeprefix("epoch_"))]) for path in files)


def together(runs: list[Seen]) -> Seen:
    """What files of one run hold, one for each time that it was trained."""
    whole = Seen(runs[0].name, runs[0].group, runs[-1].status)
    for seen in runs:
        whole.parameters |= seen.parameters
        whole.pictures += seen.pictures
        for name, values in seen.metrics.items():
            for step, value in values.items():
                whole.add(name, step, value)
    return whole
