"""Binary cross-entropy, mAP and F1 by hand; thresholds are chosen on validation and kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchmetrics.classification import MultilabelAccuracy

from pellucid.errors import UserError
from pellucid.task.multilabel import Multilabel
from tests.task.nets import Fixed, Heads, Own


class Given(nn.Module):
    """Gives the first row of each image's pixels as scores."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, images: Tensor) -> Tensor:
        return images[:, 0, 0] * self.scale


def made(net: nn.Module, labels: int = 2, **options: Any) -> Multilabel:
    return Multilabel(net=net, image_shape=(1, 2, 2), num_classes=labels, **options)


def images_of(probabilities: list[list[float]]) -> Tensor:
    scores_BK = torch.logit(torch.tensor(probabilities))
    return scores_BK[:, None, None].expand(-1, 1, 2, -1).clone()


def values_of(task: Multilabel, stage: str) -> dict[str, float]:
    return {name: float(value) for name, value in task.compute_metrics(stage).items()}


def test_by_hand() -> None:
    task = made(Given())
    images = images_of([[0.9, 0.2], [0.8, 0.3], [0.6, 0.4], [0.4, 0.1]])
    has = torch.tensor([[True, False], [False, True], [True, False], [False, False]])
    task._step((images[:3], has[:3]), "val")
    task._step((images[3:], has[3:]), "val")
    values = values_of(task, "val")
    right = [[0.9, 0.8], [0.2, 0.3], [0.6, 0.6], [0.6, 0.9]]
    assert values["loss"] == pytest.approx(-sum(math.log(share) for row in right for share in row) / 8)
    assert values["map"] == pytest.approx(((1 + 2 / 3) / 2 + 1 / 2) / 2)
    assert values["f1"] == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert task.thresholds.tolist() == pytest.approx([0.5, 0.25])
    with torch.no_grad():
        said = task.predictions(images, task(images), has)
    assert said["has"].tolist() == [[True, False], [True, True], [True, True], [False, False]]
    assert float(said["loss"].mean()) == pytest.approx(values["loss"])


def test_thresholds_are_kept_and_used_by_the_test() -> None:
    task, again = made(Given()), made(Given())
    images, has = images_of([[0.3, 0.5], [0.1, 0.5]]), torch.tensor([[True, True], [False, False]])
    task._step((images, has), "val")
    task.compute_metrics("val")
    again.load_state_dict(task.state_dict())
    assert torch.equal(again.thresholds, task.thresholds)
    before = again.thresholds.clone()
    again._step((images, ~has), "test")
    assert values_of(again, "test")["f1"] == pytest.approx((0 + 2 / 3) / 2)
    assert torch.equal(again.thresholds, before), "chosen on validation alone"


def test_a_label_that_no_image_has_is_no_part_of_the_mean() -> None:
    task = made(Given())
    has = torch.tensor([[True, False], [False, False]])
    task._step((images_of([[0.9, 0.5], [0.2, 0.5]]), has), "val")
    assert values_of(task, "val")["map"] == 1
    assert task.thresholds[1] == 0.5
    task._step((images_of([[0.9, 0.5]]), torch.tensor([[False, False]])), "val")
    assert math.isnan(values_of(task, "val")["map"]), "no image has any"


def test_weights_of_images() -> None:
    task = made(Given())
    images, has = images_of([[0.9, 0.5], [0.5, 0.5]]), torch.tensor([[True, True], [True, True]])
    loss, _ = task._step((images, has, torch.tensor([3.0, 1.0])), "train")
    expected = -(3 * (math.log(0.9) + math.log(0.5)) + 2 * math.log(0.5)) / 2 / 4
    assert float(loss.detach()) == pytest.approx(expected)


@pytest.mark.parametrize("gives", [lambda scores: Heads(scores, 0 * scores), lambda scores: scores])
def test_heads(gives: Callable[[Tensor], object]) -> None:
    task = made(Own(gives))
    loss, scores = task._step((torch.randn(3, 1, 2, 2), torch.ones(3, 2, dtype=torch.bool)), "train")
    assert scores.shape == (3, 2)
    assert loss.isfinite()


def test_another_number_of_scores_is_told() -> None:
    with pytest.raises(UserError, match=r"task=multilabel needs a net that gives 3 label scores an image"):
        made(Fixed([0.0, 0.0]), labels=3)


def test_a_loss_and_metrics_of_ones_own() -> None:
    task = made(
        Given(),
        loss=nn.MultiLabelSoftMarginLoss(),
        metrics={"accuracy": MultilabelAccuracy(2)},
        monitor="val/accuracy",
    )
    images = images_of([[0.9, 0.2], [0.8, 0.3], [0.6, 0.4]])
    has = torch.tensor([[True, False], [False, True], [True, False]])
    loss, output = task._step((images, has), "val")
    torch.testing.assert_close(loss, nn.MultiLabelSoftMarginLoss()(output, has.float()))
    losses = task.predictions(images, output, has)["loss"]
    torch.testing.assert_close(losses.mean(), loss)
    weighted, _ = task._step((images, has, torch.tensor([2.0, 0.0, 1.0])), "train")
    torch.testing.assert_close(weighted, (2 * losses[0] + losses[2]) / 3)
    assert values_of(task, "val")["accuracy"] == pytest.approx(4 / 6)
    assert (task.monitor, task.mode) == ("val/accuracy", "max")
