"""Checks of how a net is optimized: options of ours beside libraries', and what does not go together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from pellucid.config.check import type_problem
from pellucid.config.signature import read_signature
from pellucid.errors import counted, did_you_mean

AUTO = "auto"  # of optimizer.lr: found by a range test
GROUPS = "pellucid.task.parameter_groups.ParameterGroups"
GIVEN = ("total_steps", "steps_per_epoch")  # options of our schedules that a training gives
PLATEAU = "torch.optim.lr_scheduler.ReduceLROnPlateau"


def optimization_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Problems of optimizer, scheduler and average, each in a sentence; what is of the wrong kind is told
    elsewhere.
    """
    nodes = [config.get(name) or {} for name in ("optimizer", "scheduler", "average", "task", "data")]
    if not all(isinstance(node, Mapping) for node in nodes):
        return
    optimizer, scheduler, average, task, data = nodes
    lr = optimizer.get("lr")
    if isinstance(lr, str) and lr != AUTO and "${" not in lr and lr != "???":
        yield f"optimizer.lr: expected a number, got {lr!r}. auto finds one by a range test."
    yield from _groups(optimizer.get("groups"))
    if optimizer.get("nesterov") and optimizer.get("momentum") == 0:
        yield "optimizer.momentum=0: Nesterov's needs some. Expected above 0, or optimizer=sgd."
    yield from _schedule(scheduler, config.get("trainer") or {})
    yield from _schedule_free(optimizer, scheduler, average)
    yield from _minutes(config.get("minutes"), scheduler)
    test: list[Any] = [config.get(name) for name in ("low", "high", "steps")]  # of find_lr
    if all(map(_is_number, test)):
        yield from range_test_problems(*test)
    if task.get("mix", "none") != "none" and data.get("batch_size") == 1:
        yield mix_of_one(task["mix"])


def mix_of_one(mix: str) -> str:
    """What is wrong with mixing in batches of one image."""
    return (
        f"task.mix={mix}: a batch of one image has none to be mixed with. "
        "Set data.batch_size=2 or more, of two images or more."
    )


def range_test_problems(low: float, high: float, steps: int) -> Iterator[str]:
    """Problems of the rates and the length of a range test of learning rates."""
    from pellucid.metrics.learning_rate import MIN_STEPS  # numpy

    if not 0 < low < high:
        yield f"low={low}, high={high}: expected two learning rates, 0 < low < high."
    if steps < 2 * MIN_STEPS:
        yield f"steps={steps}: expected at least {2 * MIN_STEPS}."


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _groups(groups: Any) -> Iterator[str]:
    signature = read_signature(GROUPS)
    assert signature is not None
    if not isinstance(groups, Mapping):
        return
    for name, value in groups.items():
        if name not in signature.annotations:
            hint = did_you_mean(str(name), signature.annotations)
            yield (
                f"optimizer.groups.{name}: there is no such option.{hint} It has: "
                f"{', '.join(signature.annotations)}."
            )
        elif expected := type_problem(value, signature.annotations[name]):
            yield f"optimizer.groups.{name}: expected {expected}, got {value!r}."


def _schedule(scheduler: Mapping[str, Any], trainer: Mapping[str, Any]) -> Iterator[str]:
    target = str(scheduler.get("_target_", ""))
    ours = target.startswith("pellucid.scheduler.")
    for name in GIVEN:
        if ours and name in scheduler:
            yield f"scheduler.{name}: the training gives it. Leave it out."
    if ours and scheduler.get("interval") == "epoch":
        yield "scheduler.interval=epoch: this schedule is a function of the step. Leave it out."
    if target == PLATEAU and scheduler.get("interval") == "step":
        yield "scheduler.interval=step: the plateau is of val/loss, known once an epoch. Leave it out."
    warmup: Any = scheduler.get("warmup_epochs")
    epochs: Any = trainer.get("max_epochs")
    if not ours or not _is_number(warmup):
        return
    if _is_number(epochs) and 0 < epochs <= warmup:
        yield (
            f"scheduler.warmup_epochs={warmup}: the warm-up is as long as the training or longer, which "
            f"has {counted(epochs, 'epoch')}. Expected fewer, or more trainer.max_epochs."
        )


def _schedule_free(
    optimizer: Mapping[str, Any], scheduler: Mapping[str, Any], average: Mapping[str, Any]
) -> Iterator[str]:
    if not str(optimizer.get("_target_", "")).startswith("schedulefree."):
        return
    if scheduler:
        yield (
            "optimizer=adamw_schedule_free stands in place of a schedule, also of the recipe's: write "
            "scheduler=none. It has a warm-up of its own, optimizer.warmup_steps=<steps>."
        )
    if average:
        yield "optimizer=adamw_schedule_free averages the weights itself: write average=none."


def _minutes(minutes: Any, scheduler: Mapping[str, Any]) -> Iterator[str]:
    if minutes is None:
        return
    if not _is_number(minutes) or not 0 < minutes < math.inf:
        yield f"minutes={minutes}: expected a time above 0, or null for trainer.max_epochs."
    elif "T_max" in scheduler:
        yield (
            f"minutes={minutes}: scheduler.T_max is of a training whose epochs are known. Take "
            "scheduler=warmup_cosine, which takes the length from the training."
        )
