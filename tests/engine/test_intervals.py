"""Intervals of a task's metrics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score
from torch import Tensor
from torch.nn import functional
from torchmetrics import Metric
from torchmetrics.classification import MulticlassF1Score

from pellucid.engine.intervals import Inputs, PerImageTest
from pellucid.task.classification import Classification


class Scored(Classification):
    """A user's task with the step of ours, and a further metric."""

    def _make_metrics(self) -> dict[str, Metric]:
        return {**super()._make_metrics(), "f1": MulticlassF1Score(self.num_classes, average="macro")}

    def _update_metrics(self, stage: str, losses_S: Tensor, counts_S: Tensor, *seen: Tensor) -> None:
        super()._update_metrics(stage, losses_S, counts_S, *seen)
        self.stage_metrics(stage)["f1"].update(*seen)


def test_the_intervals_of_a_task_that_notes_its_steps() -> None:
    """As the task's own metrics say it, and without a trace in the task."""
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3))
    options: dict[str, Any] = {"optimizer": torch.optim.SGD, "scheduler": None, "label_smoothing": 0.0}
    task = Scored(net=net, image_shape=(1, 2, 2), num_classes=3, seed=0, **options).eval()
    random = torch.Generator().manual_seed(0)
    images, labels = torch.randn(50, 1, 2, 2, generator=random), torch.randint(3, (50,), generator=random)
    alone, losses = PerImageTest(task), []
    for index in torch.split(torch.arange(50), 16):
        _, logits = task._step((images[index], labels[index]), "test")
        losses.append(functional.cross_entropy(logits, labels[index], reduction="none"))
    alone.note(torch.cat(losses), task.steps["test"])
    values = {name: float(value) for name, value in task.compute_metrics("test").items()}
    said = task(images).argmax(1)
    for name, inputs in alone.inputs(values, 50).items():
        assert isinstance(inputs, Inputs), inputs
        assert inputs.value() == pytest.approx(values[name], rel=1e-5)
        some = np.arange(0, 50, 3)
        if name == "f1":
            expected = f1_score(labels[some], said[some], average="macro")
            assert inputs.value(some) == pytest.approx(expected, rel=1e-5)
    assert list(task.state_dict()) == ["net.1.weight", "net.1.bias"]
    assert task.net is net
