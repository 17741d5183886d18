"""The plan of a sweep's line; what cannot be planned is told before the first trial."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from pellucid.run.folder import Run
from tests.sweep.conftest import SLOW, FakeTraining, Sweep, folder


def some(cases: Iterable[Any]) -> list[Any]:
    """Every third of them; the others are slow tests."""
    return [pytest.param(case, marks=() if n % 3 == 0 else SLOW) for n, case in enumerate(cases)]


@SLOW
def test_models_of_different_tasks_are_ranked_by_what_both_log(sweep: Sweep, training: FakeTraining) -> None:
    training.result = lambda config: 0.5
    sweep("model=dnn,autoencoder", "sweep.name=a", "sweep.metric=val/loss")
    assert json.loads((folder("a") / "sweep.json").read_text())["sweep"]["direction"] == "minimize"


BAD = {
    "optimizer.lrr=1e-3,1e-2": "Did you mean 'lr'",
    "optimizer.lr=choice()": "empty choice",
    "sweep=tpe optimizer.lr=interval(1e-1,1e-3)": "low end 0.1 is above its high end 0.001",
    "sweep=tpe optimizer.lr=tag(log,interval(0,1))": "needs a low end above 0",
    "optimizer.lr=interval(1e-3,1e-1)": "an interval has no end of values",
    "optimizer.lr=1e-3,1e-2,0.001": "stands there twice",
    "sweep=tpe": "nothing to search",
    "sweep=tpe optimizer.lr=1e-3,1e-2 sweep.trials=0": "sweep.trials: expected a whole number of at least 1",
    "sweep=tpe optimizer.lr=1e-3,1e-2 sweep.trials=null": "sweep.trials",
    "optimizer.lr=1e-3,1e-2 sweep.seeds=1.5": "sweep.seeds",
    "optimizer.lr=1e-3,1e-2 sweep.metric=val/acuracy": "Choices: val/loss, val/accuracy",
    "optimizer.lr=1e-3,1e-2 sweep.metric=test/accuracy": "choose on validation",
    "optimizer.lr=1e-3,1e-2 sweep.direction=up": "sweep.direction",
    "optimizer.lr=1e-3,1e-2 sweep.name=a/b": "expected a plain name",
    "optimizer.lr=1e-3,1e-2 sweep.storage=nonsense": "sweep.storage=nonsense",
    "optimizer.lr=1e-3,1e-2 sweep.trails=3": "Did you mean 'sweep.trials'",
    "sweep=tpe sweep.sampler.sead=3 optimizer.lr=1e-3,1e-2": "Did you mean 'seed'",
    "sweep=tpo optimizer.lr=1e-3,1e-2": "Did you mean 'tpe'",
    "sweep.trials=1,2 optimizer.lr=1e-3": "takes one value",
    "model.hidden=[64],[0.5]": "model.hidden",
    "seed=0,1 sweep.seeds=2": "leave one of the two out",
    "sweep=folds sweep.seeds=2 model=dnn,cnn": "both repeat a trial",
    "sweep=folds seed=0,1": "both repeat a trial",
    "seed=0,1 data.seed=0,1": "leave one of the two out",
    "sweep=tpe seed=0,1": "nothing to search",
    "sweep=random seed=interval(0,9) model=dnn,cnn": "seed: expected a whole number",
    "sweep=folds sweep.folds=1": "sweep.folds: expected a whole number of at least 2",
    "sweep=ablation": "nothing to leave out",
    "sweep=ablation optimizer.lr=1e-3,1e-2,1e-1": "without and with it, in this order",
    "sweep=tpe sweep.ablation=true optimizer.lr=1e-3,1e-2": "none is sampled",
    "model=dnn,autoencoder": "different tasks, whose metrics do not compare",
    "+trainer.gradient_clip_val=null,1.0": "it is there already",
    "--cfg job optimizer.lr=1e-3,1e-2": "leave -m",
}


@pytest.mark.parametrize("line", some(BAD))
def test_bad_input_is_told_before_the_first_trial(sweep: Sweep, training: FakeTraining, line: str) -> None:
    ended = sweep(*line.split())
    assert ended.code == 2
    assert BAD[line] in ended.err
    assert "Traceback" not in ended.err
    assert not training.calls
    assert not Path("outputs").exists() or not any(Path("outputs").rglob("*.*"))


def test_an_ablation_runs_each_option_alone_and_left_out(sweep: Sweep, training: FakeTraining) -> None:
    training.result = lambda config: 0.5
    line = (
        "sweep=ablation",
        "sweep.name=a",
        "average=none,ema",
        "scheduler=none,cosine",
        "task.focal=0,2",
    )
    assert "runs=" in sweep(*line).out
    arms = {number: Run(folder("a") / str(number)).config()["sweep"]["arm"] for number in range(8)}
    assert [arms[number] for number in (0, 1, 6, 7)] == [
        *("none", "only average=ema", "all but task.focal=2", "all"),
    ]
    assert sweep(*line).code == 0  # continued, with nothing left to do
    assert "sweep.ablation" in sweep(*(text.replace("ablation", "grid") for text in line)).err
