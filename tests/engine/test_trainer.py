"""The Trainer of a run: the order of its callbacks, what it refuses, and what a user adds to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Trainer

from pellucid.callbacks.figure_logger import FigureLogger
from pellucid.engine.build import assemble
from pellucid.engine.host import RunHost
from pellucid.engine.recorder import Recorder
from pellucid.engine.trainer import make_trainer
from pellucid.errors import UserError
from pellucid.run.folder import Run
from tests.engine.runs import run
from tests.helpers import compose


@pytest.mark.slow
def test_early_stopping_by_name(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        "model=dnn",
        "callbacks=[default,early_stopping]",
        "callbacks.early_stopping.patience=1",
        "trainer.max_epochs=30",
        "optimizer.lr=0.05",
    )
    assert result["epochs"] < 30


def make(folder: Path, *overrides: str, resume: bool = False) -> Trainer:
    config = compose("model=dnn", *overrides)
    data, task = assemble(config)
    run = Run(folder)
    recorder = Recorder(run=run, config=config, spec={}, log_every=0)
    host = RunHost(run=run, data=data)
    figures = FigureLogger(host=host, seed=0, explainers={})
    given = {
        "run": run,
        "recorder": recorder,
        "host": host,
        "figures": figures,
        "pruning": None,
        "last": None,
    }
    return make_trainer(config, task, data, resume=resume, main=True, **given)  # type: ignore[arg-type]


F1 = "++task.metrics.f1._target_=torchmetrics.classification.MulticlassF1Score"


@pytest.mark.parametrize(
    ("given", "watched"),
    [
        ((), ("val/loss", "min")),
        ((F1, "task.monitor=val/f1"), ("val/f1", "max")),
        (("callbacks.early_stopping.monitor=val/accuracy",), ("val/accuracy", "max")),
        ((F1, "task.monitor=val/f1", "callbacks.early_stopping.monitor=train/loss"), ("train/loss", "min")),
        (("+callbacks.early_stopping.mode=max",), ("val/loss", "max")),
    ],
)
def test_early_stopping_watches_what_chooses_the_best(
    given: tuple[str, ...], watched: tuple[str, str], tmp_path: Path
) -> None:
    trainer = make(tmp_path, "callbacks=[early_stopping]", *given)
    stopping = trainer.early_stopping_callback
    assert stopping is not None
    assert (stopping.monitor, stopping.mode) == watched
    if "task.monitor=val/f1" in given:
        keep: Any = trainer.checkpoint_callbacks[-1]
        assert (keep.monitor, keep.mode) == ("val/f1", "max")


def test_early_stopping_by_what_is_not_logged_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"monitor=val/acuracy, .*'val/accuracy'\? Choices: train/loss"):
        make(tmp_path, "callbacks=[early_stopping]", "callbacks.early_stopping.monitor=val/acuracy")


def test_views_draw_what_is_noted_and_before_the_checkpoint(tmp_path: Path) -> None:
    trainer: Any = make(tmp_path, "callbacks=[curves]")
    kinds = [type(callback).__name__ for callback in trainer.callbacks]
    order = ["FiniteLoss", "Recorder", "RunHost", "Curves", "ViewScheduler", "CheckpointKeeper"]
    assert [kind for kind in kinds if kind in order] == order


def test_processes_that_are_no_commands_are_refused(tmp_path: Path) -> None:
    for strategy in ("ddp_spawn", "ddp_fork", "ddp_notebook"):
        with pytest.raises(UserError, match=rf"trainer\.strategy={strategy}: expected ddp"):
            make(tmp_path, f"trainer.strategy={strategy}")


def test_a_profiler_writes_into_the_run(tmp_path: Path) -> None:
    profiler = make(tmp_path, "+trainer.profiler=simple").profiler  # type: ignore[attr-defined]
    assert (profiler.dirpath, profiler.filename) == (tmp_path, "profile")
