"""Pruning asks after whole epochs, and all processes of a run hear the answer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch

from pellucid.data.image_cache import ImageCache
from pellucid.engine.pruning import Pruning, make_pruning
from pellucid.engine.trial import TrialContext

TASK: Any = SimpleNamespace(monitor="val/accuracy")


def epoch(pruning: Pruning, metrics: dict[str, float], *, whole: bool = True, others: bool = False) -> bool:
    """Whether the trainer stops after its third epoch; ``others``: whether another process says so."""
    strategy = SimpleNamespace(reduce_boolean_decision=lambda decision, all: decision or others)
    values = {name: torch.tensor(value) for name, value in metrics.items()}
    trainer: Any = SimpleNamespace(strategy=strategy, callback_metrics=values, current_epoch=2)
    trainer.global_step, trainer.should_stop, trainer.is_last_batch = 10, False, whole
    pruning.on_train_epoch_start(trainer, TASK)
    trainer.global_step += 5
    pruning.on_train_epoch_end(trainer, TASK)
    assert pruning.pruned == trainer.should_stop
    return bool(trainer.should_stop)


def test_it_asks_with_the_epoch_and_the_value_after_whole_epochs() -> None:
    asked: list[tuple[int, float]] = []

    def should_stop(number: int, value: float) -> bool:
        asked.append((number, value))
        return value < 0.5

    pruning = Pruning(metric="val/accuracy", should_stop=should_stop)
    assert not epoch(pruning, {"val/accuracy": 0.25}, whole=False)
    assert not epoch(pruning, {"val/loss": 0.25}), "an epoch without validation"
    assert not epoch(pruning, {"val/accuracy": 0.75})
    assert epoch(pruning, {"val/accuracy": 0.25})
    assert asked == [(3, 0.75), (3, 0.25)]


def test_the_other_processes_stop_with_the_first() -> None:
    assert epoch(Pruning(metric="val/accuracy", should_stop=None), {"val/accuracy": 0.5}, others=True)
    assert not epoch(Pruning(metric="val/accuracy", should_stop=None), {"val/accuracy": 0.5})


def test_who_has_it() -> None:
    trial = TrialContext({}, "val/loss", ImageCache(), lambda number, value: True)
    for sweep in (None, {}, {"pruner": None}):
        assert make_pruning(sweep, trial, TASK) is None
    first, other = (make_pruning({"pruner": "median"}, given, TASK) for given in (trial, None))
    assert first is not None
    assert other is not None
    assert (first.metric, first.should_stop) == ("val/loss", trial.should_stop)
    assert (other.metric, other.should_stop) == ("val/accuracy", None)
