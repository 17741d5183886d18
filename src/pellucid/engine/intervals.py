"""Confidence intervals of a task's metrics, whatever they are, by computing them anew of resampled images.

Axes: B images of a batch, N of a split, S steps.
"""

from __future__ import annotations

import copy
import math
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torchmetrics import Metric

from pellucid.errors import OPTION_ERRORS, first_line
from pellucid.metrics.intervals import RESAMPLES, bootstrap
from pellucid.task.base import Task
from pellucid.task.step_buffer import StepBuffer

MAX_BYTES = 2**28  # of what one metric is computed from
MAX_SECONDS = 30.0  # that the resamples of one metric may take


@dataclass(frozen=True)
class Interval:
    """The ends of a 95 % confidence interval and its ``method``, which says why where there is none."""

    ends: tuple[float, float] | None
    method: str


@dataclass(frozen=True)
class Inputs:
    """A metric, and the arguments of its update, each a tensor with a row for each of N images."""

    metric: Metric
    arguments: Mapping[str, Tensor]

    def value(self, index_N: np.ndarray | None = None) -> float:
        """The metric of those images, or of all."""
        index = slice(None) if index_N is None else torch.from_numpy(index_N)
        rows = {name: values[index] for name, values in self.arguments.items()}
        self.metric.reset()
        positional = [rows.pop(name) for name in list(rows) if name.isdigit()]
        self.metric.update(*positional, **rows)
        return float(self.metric.compute())


def resampled(statistic: Callable[[np.ndarray], float], images: int, seed: int) -> Interval:
    """The bootstrap interval of what ``statistic`` gives of drawn images, or why there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a class without images, say, in one resample or another
        try:
            seconds = RESAMPLES * _seconds(statistic, images)
            if seconds > MAX_SECONDS:  # the first time may take longer than all others
                seconds = RESAMPLES * _seconds(statistic, images)
            if seconds > MAX_SECONDS:
                return Interval(None, f"{RESAMPLES:,} resamples would take {seconds:,.0f} seconds")
            low, high = bootstrap(statistic, images, seed=seed)
        except OPTION_ERRORS as error:
            return Interval(None, f"it cannot be computed of a resample ({first_line(error)})")
    if not math.isfinite(low) or not math.isfinite(high):
        return Interval(None, "it is no number in some resamples")
    if low == high:
        return Interval(None, "it is the same in every resample")
    return Interval((low, high), f"bootstrap, {RESAMPLES:,} resamples of {images:,} images")


def _seconds(statistic: Callable[[np.ndarray], float], images: int) -> float:
    start = time.perf_counter()
    statistic(np.arange(images))
    return time.perf_counter() - start


def to_dict(intervals: Mapping[str, Interval]) -> dict[str, Any]:
    """Ends and methods by name, as JSON keeps them."""
    return {
        "intervals": {name: interval.ends for name, interval in intervals.items()},
        "interval_methods": {name: interval.method for name, interval in intervals.items()},
    }


def interval_notes(intervals: Mapping[str, Any], methods: Mapping[str, str]) -> list[str]:
    """A sentence for each method, with the metrics that it was used for, or that have none because of it."""
    names: dict[str, list[str]] = {}
    for name, ends in intervals.items():
        note = f"95 % interval by {methods[name]}" if ends else f"no interval, as {methods[name]}"
        names.setdefault(note, []).append(name)
    return [f"{', '.join(metrics)}: {note}." for note, metrics in names.items()]


class PerImageTest:
    """The steps of a task's test as if each image were a batch of its own: what its metrics are made of.

    A twin of the task does them around what the net has given, so that the net is not asked again and the
    task stays as it is.
    """

    def __init__(self, task: Task) -> None:
        self._metrics, self._net = task.stage_metrics("test"), _Given()
        self._recorders = {name: _Recorder() for name in self._metrics}
        self._twin, self._steps, self._failed = copy.copy(task), StepBuffer(), ""
        metrics = nn.ModuleDict({"test_metrics": nn.ModuleDict(self._recorders)})
        modules = {**task._modules, "net": self._net, "metrics": metrics}
        self._twin.__dict__ |= {"_modules": modules, "steps": {"test": self._steps}, "_trainer": None}

    @torch.no_grad()
    def step(self, images_BCHW: Tensor, labels_B: Tensor, output_B: Tensor) -> Tensor:
        """Each image's own loss, (B,); NaN where the task cannot do with one image."""
        losses = []
        try:
            for index in range(len(labels_B)):
                image = slice(index, index + 1)
                self._net.output = output_B[image]
                losses.append(self._twin._step((images_BCHW[image], labels_B[image]), "test")[0].reshape(()))
        except (*OPTION_ERRORS, AttributeError) as error:
            self._failed = f"the task cannot do with one image ({first_line(error)})"
            return torch.full((len(labels_B),), torch.nan)
        return torch.stack(losses)

    def note(self, losses_N: Tensor, steps: StepBuffer | None = None) -> None:
        """Update with each image's loss what the task makes of its notes: its own, or those of ``step``."""
        steps = steps or self._steps
        if len(steps) and not self._failed:
            _, _, arguments = steps.all()
            losses_N = losses_N.to(arguments[0].device)
            try:
                self._twin._update_metrics("test", losses_N, torch.ones_like(losses_N), *arguments)
            except (*OPTION_ERRORS, AttributeError) as error:
                self._failed = f"the task cannot compute it of images one by one ({first_line(error)})"

    def inputs(self, values: Mapping[str, float], images: int) -> dict[str, Inputs | str]:
        """By metric, where it comes out as in ``values``; else why it is not computed of other images."""
        names = [name for name in self._metrics if name in values]
        return {name: self._failed or self._input(name, values[name], images) for name in names}

    def _input(self, name: str, value: float, images: int) -> Inputs | str:
        recorder = self._recorders[name]
        if recorder.size > MAX_BYTES:
            return f"what it is computed from takes more than {MAX_BYTES // 2**20} MiB"
        arguments = recorder.arguments()
        if not arguments or any(len(rows) != images for rows in arguments.values()):
            return "it is not computed from the images one by one"
        metric = copy.deepcopy(self._metrics[name]).cpu()
        inputs = Inputs(metric, arguments)
        try:
            again = inputs.value()
        except (*OPTION_ERRORS, AttributeError) as error:
            return f"it cannot be computed of images one by one ({first_line(error)})"
        if not math.isclose(again, value, rel_tol=0.01, abs_tol=1e-4):  # half precision is as far off
            return f"it depends on the batches (of images one by one: {metric(again)})"
        return inputs


class _Given(nn.Module):
    """In place of a net: what it has given."""

    output: Tensor

    def forward(self, *inputs: Any) -> Tensor:
        return self.output


class _Recorder(nn.Module):
    """In place of a metric: what it would be updated with."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[dict[str, Tensor]] = []
        self.size = 0  # bytes

    def update(self, *arguments: Any, **keywords: Any) -> None:
        call = {**{str(index): value for index, value in enumerate(arguments)}, **keywords}
        rows = {name: torch.as_tensor(value).detach() for name, value in call.items()}
        rows = {name: value if value.ndim else value.reshape(1) for name, value in rows.items()}
        self.size += sum(value.nbytes for value in rows.values())
        if self.size <= MAX_BYTES:
            self.calls.append({name: value.cpu() for name, value in rows.items()})

    forward = update

    def arguments(self) -> dict[str, Tensor]:
        """Those of all calls, one after another; none where they are not alike."""
        try:
            return {name: torch.cat([call[name] for call in self.calls]) for name in self.calls[0]}
        except (LookupError, RuntimeError):
            return {}
