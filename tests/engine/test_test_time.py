"""What is added to a task's net at test time, and taken away again."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from pellucid.engine.test_time import at_test_time, moved, pool_of
from pellucid.errors import UserError
from pellucid.inside.tta import AugmentedNet, mean, mean_sigmoid, mean_softmax
from pellucid.task.base import Task
from pellucid.task.classification import Classification
from pellucid.task.multilabel import Multilabel
from pellucid.task.reconstruction import Reconstruction
from pellucid.task.regression import Regression

SHAPE = (1, 4, 4)


def task_of(kind: type[Any]) -> Any:
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    return kind(num_classes=3, net=net, image_shape=SHAPE)


def test_each_task_puts_its_own_together() -> None:
    pools = {Classification: mean_softmax, Multilabel: mean_sigmoid, Regression: mean}
    for kind, pool in pools.items():
        assert pool_of(task_of(kind), SHAPE, "flip") is pool
    redraws: Task = Reconstruction(
        net=nn.Sequential(nn.Conv2d(1, 1, 1)), image_shape=SHAPE, mean=(0,), std=(1,)
    )
    with pytest.raises(UserError, match=r"tta=flip: .* Reconstruction predicts none"):
        pool_of(redraws, SHAPE, "flip")
    with pytest.raises(UserError, match=r"tta=five: images of 1 × 1 pixels have no corners"):
        pool_of(task_of(Classification), (16, 1, 1), "five")


def test_the_net_comes_back_also_after_an_exception() -> None:
    task = task_of(Multilabel)
    net, thresholds_K = task.net, task.thresholds.copy_(torch.tensor([0.2, 0.5, 0.9])).clone()
    with at_test_time(task, SHAPE):
        assert task.net is net, "nothing is added"

    def fail() -> None:
        with at_test_time(task, SHAPE, tta="flip", temperature=2.0):
            assert isinstance(task.net, AugmentedNet)
            assert not torch.equal(task.thresholds, thresholds_K)
            assert torch.equal(task.thresholds, moved(thresholds_K, 2.0))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert task.net is net
    assert torch.equal(task.thresholds, thresholds_K)


def test_thresholds_move_with_the_probabilities() -> None:
    scores = torch.linspace(-6, 6, 25)
    thresholds = torch.tensor([0.0, 0.1, 0.5, 0.93, 1.0])
    for temperature in (0.5, 1.0, 3.0):
        for before, after in zip(thresholds, moved(thresholds, temperature), strict=True):
            assert torch.equal(scores.sigmoid() >= before, (scores / temperature).sigmoid() >= after)
