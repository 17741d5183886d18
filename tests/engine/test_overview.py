"""The lines that a training begins with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pellucid.engine.overview import overview
from pellucid.run.folder import Run
from tests.helpers import command

CONFIG: dict[str, Any] = {
    "model": {"_target_": "x.Net", "hidden": [3, 4], "norm": None},
    "data": {"_target_": "x.Data", "batch_size": 32, "root": "/a b"},
    "task": {"_target_": "x.Task", "metrics": {"f1": {"_target_": "y.F1", "top": 1}}},
    "optimizer": {"_target_": "torch.optim.SGD", "_partial_": True, "lr": 0.1, "nesterov": True},
    "scheduler": None,
    "trainer": {"_target_": "x.Trainer", "max_epochs": 7, "devices": "auto"},
    "callbacks": {"summary": {"_target_": "x.Summary", "depth": 2}, "curves": {"_target_": "x.Curves"}},
    "explainer": {},
    "logger": {},
    "seed": 3,
    "compile": False,
    "sweep": {"trials": 4},
}


def test_what_tells_stands_beside_the_choices() -> None:
    written = [
        "model=own",
        "model.hidden=[3,4]",
        "+callbacks.summary.depth=2",
        "~callbacks.graph",
        "compile=no",
    ]
    written += [
        "++task.metrics.f1._target_=y.F1",
        "task.metrics.f1.top=1",
        "sweep.trials=4",
        "hydra.run.dir=x",
    ]
    written = [text.lstrip("+").partition("=")[0] for text in written]
    rows = overview(CONFIG, {"model": "own", "experiment": "mine", "hydra/launcher": "basic"}, written)
    assert rows == [
        ("model", "own", "hidden=[3,4]"),
        ("data", "Data", "batch_size=32"),
        ("task", "Task", "metrics.f1.top=1"),
        ("optimizer", "SGD", "lr=0.1 nesterov=true"),
        ("scheduler", "none", ""),
        ("trainer", "Trainer", "max_epochs=7"),
        ("callbacks", "summary,curves", "summary.depth=2 ~graph"),
        ("explainer", "none", ""),
        ("logger", "none", ""),
        ("experiment", "mine", ""),
        ("run", "", "seed=3 compile=false"),
    ]


def test_the_name_of_a_run_stands_with_its_seed() -> None:
    assert overview({**CONFIG, "name": "deeper"}, {}, ["name"])[-1] == ("run", "deeper", "seed=3")


def test_a_whole_option_that_was_written_is_told_by_its_parts() -> None:
    rows = overview(CONFIG, {}, ["model.norm", "task.metrics"])
    assert rows[0] == ("model", "Net", "norm=null")
    assert rows[2] == ("task", "Task", "metrics.f1.top=1")


@pytest.mark.slow
@pytest.mark.parametrize("columns", ["80", "120"])
def test_the_start_fits_a_screen_and_the_log_has_all(columns: str, tmp_path: Path) -> None:
    line = (
        "trainer=cpu",
        "trainer.max_epochs=1",
        "optimizer.weight_decay=1e-4",
        "report=false",
        "logger=none",
    )
    shown = ("callbacks=[summary,progress]", f"hydra.run.dir={tmp_path / 'run'}")
    done = command(*line, *shown, env={"COLUMNS": columns}, cwd=tmp_path)
    lines = done.stdout.splitlines()
    start = [number for number, text in enumerate(lines) if text.startswith("epoch 1/1")]
    assert start[0] <= 20
    assert "optimizer  adam              lr=0.001 weight_decay=0.0001" in lines
    assert "CNN for images of 1 × 8 × 8: 131,338 parameters, all trained; 408K FLOPs an image" in lines
    kept = Run(tmp_path / "run").log.read_text()
    assert "  weight_decay: 0.0001\n" in kept
    assert "│ features.4   │ Conv2d      │ 64 × 2 × 2 │     18,496 │  18,496 │  147K │\n" in kept
    assert "features.4" not in done.stdout
