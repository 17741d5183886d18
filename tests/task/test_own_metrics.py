"""What metrics of the user's own are computed from, and which one chooses the best checkpoint."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torchmetrics import F1Score, Metric
from torchmetrics.classification import (
    BinaryAUROC,
    BinaryF1Score,
    MulticlassAccuracy,
    MulticlassAUROC,
    MulticlassAveragePrecision,
    MulticlassCalibrationError,
    MulticlassCohenKappa,
    MulticlassConfusionMatrix,
    MulticlassF1Score,
    MulticlassROC,
)

from pellucid.errors import UserError
from pellucid.task.metric import MeanOverImages
from pellucid.task.own_metrics import check_names, choose_form, choose_monitor
from tests.task.nets import Fixed, classification

DEFAULT = ("val/accuracy", "max")


def forms(classes: int) -> tuple[dict[str, Tensor], Tensor]:
    task = classification(Fixed([0.0] * classes), classes=classes)
    output, targets = task._example()
    return task.metric_forms(output), targets


@pytest.mark.parametrize(
    ("metric", "classes", "form"),
    [
        (MulticlassF1Score(3), 3, "predicted"),
        (F1Score(task="multiclass", num_classes=3), 3, "predicted"),
        (MulticlassCohenKappa(3), 3, "predicted"),
        (MulticlassAccuracy(9, top_k=5), 9, "probabilities"),
        (MulticlassAUROC(3), 3, "probabilities"),
        (MulticlassAveragePrecision(3), 3, "probabilities"),
        (MulticlassCalibrationError(3), 3, "probabilities"),
        (MulticlassF1Score(2), 2, "predicted"),
        (BinaryF1Score(), 2, "predicted"),
        (BinaryAUROC(), 2, "positive"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_metric_gets_what_it_needs_and_no_more(metric: Metric, classes: int, form: str) -> None:
    assert choose_form("mine", metric, *forms(classes)) == form
    assert not metric.update_called, "what it was tried on is forgotten"


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        (MulticlassF1Score(3, average="none"), r"several numbers, of shape \(3,\).*average=macro"),
        (MulticlassConfusionMatrix(3), r"several numbers, of shape \(3, 3\)"),
        (MulticlassROC(3), "several numbers, a tuple"),
        (BinaryF1Score(), r"BinaryF1Score cannot be computed of predicted \(64,\) or probabilities"),
        (MulticlassF1Score(2), "cannot be computed"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_gives_no_single_number_is_refused(metric: Metric, said: str) -> None:
    with pytest.raises(UserError, match=rf"task\.metrics\.mine: .*{said}"):
        choose_form("mine", metric, *forms(3))


@pytest.mark.parametrize("name", ["accuracy", "train", "a-b", "a/b", ""])
def test_names_that_a_metric_cannot_have(name: str) -> None:
    with pytest.raises(UserError, match="cannot be called"):
        check_names({name: MulticlassF1Score(3)}, ["loss", "accuracy"])


def test_what_is_no_metric_is_refused() -> None:
    with pytest.raises(UserError, match=r"task\.metrics\.f1: expected a metric of torchmetrics.*got 3"):
        check_names({"f1": 3}, ["loss"])


class Quiet(MeanOverImages):
    higher_is_better = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("monitor", "mode", "expected"),
    [
        (None, None, DEFAULT),
        ("val/accuracy", None, DEFAULT),
        ("val/f1", None, ("val/f1", "max")),
        ("val/ece", None, ("val/ece", "min")),
        ("val/loss", None, ("val/loss", "min")),
        ("val/quiet", "max", ("val/quiet", "max")),
        (None, "min", ("val/accuracy", "min")),
    ],
)
def test_the_metric_says_whether_it_should_be_high(
    monitor: str | None, mode: str | None, expected: tuple[str, str]
) -> None:
    assert choose_monitor(monitor, mode, metrics(), DEFAULT) == expected


def metrics() -> dict[str, Any]:
    ours = {"loss": MeanOverImages(), "accuracy": MulticlassAccuracy(3)}
    return {**ours, "f1": MulticlassF1Score(3), "ece": MulticlassCalibrationError(3), "quiet": Quiet()}


@pytest.mark.parametrize(
    ("monitor", "mode", "said"),
    [
        ("val/f2", None, r"not logged on validation\. Did you mean 'val/f1'\? Choices: val/loss, val/acc"),
        ("f1", None, "Choices: val/loss, val/accuracy, val/f1"),
        ("train/loss", None, "not logged on validation"),
        ("val/quiet", None, "task.mode=max, or min"),
        ("val/f1", "up", "expected max or min"),
    ],
)
def test_a_monitor_that_there_is_not(monitor: str, mode: str | None, said: str) -> None:
    with pytest.raises(UserError, match=said):
        choose_monitor(monitor, mode, metrics(), DEFAULT)


def test_probabilities_are_noted_only_where_a_metric_needs_them() -> None:
    images, labels = torch.zeros(4, 1, 2, 2), torch.tensor([0, 1, 1, 0])
    for given, noted in (({"f1": MulticlassF1Score(2)}, 2), ({"auroc": MulticlassAUROC(2)}, 3)):
        task = classification(Fixed([1.0, 0.0]), metrics=given)
        task._step((images, labels), "val")
        assert len(task.steps["val"].all()[2]) == noted
        (name,) = given
        expected = {"f1": (2 / 3 + 0) / 2, "auroc": 0.5}[name]
        assert float(task.compute_metrics("val")[name]) == pytest.approx(expected)
