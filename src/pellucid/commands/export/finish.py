"""What a task makes of its net's output, as part of an exported model.

Axes: B images, K labels or numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from pellucid.engine.test_time import moved
from pellucid.task.base import Task
from pellucid.task.multilabel import Multilabel
from pellucid.task.regression import Regression


class Finish(nn.Module):
    """The last step of a model: its ``outputs`` by name with what they are, and ``facts`` for a file."""

    outputs: ClassVar[Mapping[str, str]]
    task: ClassVar[str]
    facts: Mapping[str, Any]


class Probabilities(Finish):
    """Logits and their sigmoid; an image has the labels whose probability is at least their threshold."""

    task = "multilabel"
    outputs: ClassVar[Mapping[str, str]] = {
        "logits": "float32 (batch, labels): scores before the sigmoid",
        "probability": "float32 (batch, labels): their sigmoid; an image has a label from its threshold on",
    }

    def __init__(self, task: Multilabel, names: tuple[str, ...], temperature: float | None) -> None:
        super().__init__()
        self.temperature = 1.0 if temperature is None else temperature
        thresholds_K = moved(task.thresholds, self.temperature)
        self.facts = {"labels": list(names), "thresholds": thresholds_K.tolist()}

    def forward(self, output_BK: Tensor) -> tuple[Tensor, ...]:
        if self.temperature != 1:
            output_BK = output_BK / self.temperature
        return output_BK, output_BK.sigmoid()


class Units(Finish):
    """Numbers in their own units, from standardised ones."""

    task = "regression"
    outputs: ClassVar[Mapping[str, str]] = {"numbers": "float32 (batch, numbers): in their own units"}
    scale: Tensor
    shift: Tensor

    def __init__(self, task: Regression, names: tuple[str, ...]) -> None:
        super().__init__()
        self.register_buffer("scale", task.target_std.detach().cpu().clone())
        self.register_buffer("shift", task.target_mean.detach().cpu().clone())
        self.facts = {
            "numbers": list(names),
            "target_mean": self.shift.tolist(),
            "target_std": self.scale.tolist(),
        }

    def forward(self, output_BK: Tensor) -> tuple[Tensor, ...]:
        return (output_BK * self.scale + self.shift,)


def finish_of(task: Task, names: tuple[str, ...], temperature: float | None = None) -> Finish | None:
    """That of a task of several labels, whose scores are divided by ``temperature``, or of numbers; None of
    another.
    """
    if isinstance(task, Multilabel):
        return Probabilities(task, names, temperature)
    return Units(task, names) if isinstance(task, Regression) else None
