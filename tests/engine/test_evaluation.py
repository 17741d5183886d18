"""Metrics of a split with their intervals, of predictions that are known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from scipy.stats import binomtest
from torch import Tensor
from torchmetrics import MeanMetric

from pellucid.engine.evaluation import Evaluation, _says_its_losses
from pellucid.engine.intervals import Inputs
from pellucid.metrics.predictions import Predictions
from pellucid.task.classification import Classification


def evaluation(predicted: list[int], labels: list[int], metrics: Mapping[str, float]) -> Evaluation:
    values = {"predicted": torch.tensor(predicted)}
    predictions = Predictions(torch.arange(len(labels)), torch.tensor(labels), values)
    right_N = torch.tensor(predicted) == torch.tensor(labels)
    inputs: dict[str, Inputs | str] = {"accuracy": Inputs(MeanMetric(), {"0": right_N.float()})}
    return Evaluation(metrics, predictions, {**inputs, "odd": "it depends on the batches"})


def test_where_all_are_right_the_interval_is_wilsons() -> None:
    interval = evaluation([0, 1] * 10, [0, 1] * 10, {"accuracy": 1.0}).intervals(0)["accuracy"]
    expected = binomtest(20, 20).proportion_ci(method="wilson")
    assert interval.ends == pytest.approx((expected.low, expected.high))
    assert interval.method == "Wilson, 20 images"


def test_else_the_images_are_drawn_again_and_what_cannot_be_says_why() -> None:
    seen = evaluation([0] * 20, [0, 1] * 10, {"accuracy": 0.5, "odd": 0.1, "strange": 0.2})
    intervals = seen.intervals(0)
    assert intervals["accuracy"].ends is not None
    low, high = intervals["accuracy"].ends
    assert low == pytest.approx(0.3, abs=0.06), "0.5 ± 1.96 · √(0.25 / 20) = 0.28 to 0.72"
    assert high == pytest.approx(0.7, abs=0.06)
    assert (intervals["odd"].ends, intervals["odd"].method) == (None, "it depends on the batches")
    assert intervals["strange"].method == "it is none of the task's metrics"


def test_the_share_of_right_is_known_by_its_value() -> None:
    assert evaluation([0, 1, 1, 1], [0, 1, 0, 1], {"accuracy": 0.75}).is_share_of_right("accuracy")
    assert not evaluation([0, 1, 1, 1], [0, 1, 0, 1], {"accuracy": 0.7}).is_share_of_right("accuracy")
    assert not evaluation([0, 1, 1, 1], [0, 1, 0, 1], {"f1": 0.75}).is_share_of_right("f1")
    errors = Predictions(torch.arange(2), torch.zeros(2).long(), {"mse": torch.zeros(2)})
    assert not Evaluation({"accuracy": 0.0}, errors, {}).is_share_of_right("accuracy")


def test_a_difference_is_drawn_of_the_same_images() -> None:
    labels = [0, 1] * 10
    worse, better = (
        evaluation([0] * 20, labels, {"accuracy": 0.5}),
        evaluation(labels, labels, {"accuracy": 1.0}),
    )
    gain = worse.difference(better, "accuracy", 0)
    loss = better.difference(worse, "accuracy", 0)
    assert gain.ends is not None
    assert loss.ends is not None
    assert 0 < gain.ends[0] < 0.5 < gain.ends[1] < 1
    assert loss.ends == pytest.approx((-gain.ends[1], -gain.ends[0]), abs=0.06)
    assert worse.difference(better, "odd", 0).method == "it depends on the batches"


class OwnStep(Classification):
    """Its loss is another one than the cross-entropy that ours predicts."""

    def _step(self, batch: tuple[Tensor, ...], stage: Any) -> tuple[Tensor, Tensor]:
        loss, output = super()._step(batch, stage)
        return 2 * loss, output


def test_a_task_with_a_step_of_its_own_does_not_say_its_losses() -> None:
    options: dict[str, Any] = {"optimizer": torch.optim.SGD, "scheduler": None, "label_smoothing": 0.0}
    for kind, says in ((Classification, True), (OwnStep, False)):
        net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(2, 2))
        task = kind(net=net, image_shape=(1, 1, 2), num_classes=2, seed=0, **options)
        assert _says_its_losses(task) is says
