"""Standardised numbers and their errors by hand; numbers that cannot be learned are told."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torchmetrics.regression import ExplainedVariance, MeanAbsolutePercentageError, SpearmanCorrCoef

from pellucid.errors import UserError
from pellucid.model.cnn import CNN
from pellucid.task.regression import Regression
from tests.task.nets import Fixed
from tests.task.test_multilabel import Given


def made(net: nn.Module, numbers: int = 2, **options: Any) -> Regression:
    return Regression(net=net, image_shape=(1, 2, 2), num_classes=numbers, **options)


class First(Given):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images)[:, :1]


def images_of(scores: list[list[float]]) -> Tensor:
    return torch.tensor(scores)[:, None, None].expand(-1, 1, 2, -1).clone()


def test_by_hand() -> None:
    task = made(Given())
    task.fit_targets(torch.tensor([[0.0, 1e6], [20.0, 3e6]]))  # means 10 and 2e6, deviations 10 and 1e6
    images, targets = images_of([[0.0, 0.5], [1.0, -1.0]]), torch.tensor([[0.0, 2e6], [20.0, 1e6]])
    with torch.no_grad():
        said = task.predictions(images, task(images), targets)
    assert torch.allclose(said["numbers"], torch.tensor([[10.0, 2.5e6], [20.0, 1e6]]))
    task._step((images, targets), "val")
    values = {name: float(value) for name, value in task.compute_metrics("val").items()}
    assert values["loss"] == pytest.approx((1 + 0.25) / 4)
    assert said["loss"].tolist() == pytest.approx([0.625, 0])
    assert values["mae"] == pytest.approx((10 + 5e5) / 4)
    assert values["rmse"] == pytest.approx(math.sqrt((100 + 25e10) / 4))
    assert values["r2"] == pytest.approx(((1 - 100 / 200) + (1 - 25e10 / 50e10)) / 2)
    assert (task.monitor, task.mode) == ("val/loss", "min"), "units of two numbers may differ"
    assert made(Fixed([0.0]), 1).monitor == "val/mae"


def test_the_scale_is_kept() -> None:
    task, again = made(Given()), made(Given())
    task.fit_targets(torch.tensor([[0.0, 1.0], [20.0, 3.0]]))
    again.load_state_dict(task.state_dict())
    assert again.target_mean.tolist() == [10, 2]
    assert again.target_std.tolist() == [10, 1]


def test_small_differences_of_large_numbers_count() -> None:
    task = made(Fixed([0.0]), 1)
    targets = 1e6 + torch.arange(4)[:, None].float()
    task.fit_targets(targets)
    task._step((torch.zeros(4, 1, 2, 2), targets), "val")
    values = task.compute_metrics("val")
    assert float(values["r2"]) == pytest.approx(0, abs=1e-6)
    assert float(values["mae"]) == pytest.approx(1)


def test_one_image_has_no_r2() -> None:
    task = made(Fixed([0.0]), 1)
    task._step((torch.zeros(1, 1, 2, 2), torch.ones(1, 1)), "val")
    assert task.compute_metrics("val")["r2"].isnan()


def test_smooth_l1_and_weights() -> None:
    task = made(Given(), loss="smooth_l1")
    images, targets = images_of([[3.0, 0.0], [0.0, 0.5]]), torch.zeros(2, 2)
    loss, _ = task._step((images, targets, torch.tensor([1.0, 3.0])), "train")
    assert float(loss.detach()) == pytest.approx((2.5 / 2 + 3 * 0.125 / 2) / 4)
    with pytest.raises(UserError, match=r"task\.loss=l1: expected mse or smooth_l1"):
        made(Given(), loss="l1")


def test_numbers_that_cannot_be_learned_are_told() -> None:
    task = made(Given())
    with pytest.raises(UserError, match="1 of 2 training images have a number that is none"):
        task.fit_targets(torch.tensor([[0.0, math.nan], [1.0, 2.0]]))
    with pytest.raises(UserError, match=r"number 2 of 2 is 0\.1 for all training images"):
        task.fit_targets(torch.tensor([[0.0, 0.1], [1.0, 0.1]]))


def test_a_loss_and_metrics_of_ones_own() -> None:
    """The loss is of standardised numbers, metrics are of numbers in their own units."""
    options: dict[str, Any] = {"mape": MeanAbsolutePercentageError(), "explained": ExplainedVariance()}
    task = made(First(), 1, loss=nn.HuberLoss(), metrics=options, monitor="val/explained")
    task.fit_targets(torch.tensor([[10.0], [30.0]]))  # mean 20, deviation 10
    images, targets = images_of([[0.0], [1.0], [-1.0]]), torch.tensor([[25.0], [30.0], [20.0]])
    loss, output = task._step((images, targets), "val")
    torch.testing.assert_close(loss, nn.HuberLoss()(output, (targets - 20) / 10))
    torch.testing.assert_close(task.predictions(images, output, targets)["loss"].mean(), loss)
    values = {name: float(value) for name, value in task.compute_metrics("val").items()}
    assert values["mape"] == pytest.approx((5 / 25 + 0 / 30 + 10 / 20) / 3)
    assert values["explained"] == pytest.approx(1 - (50 / 3) / (50 / 3), abs=1e-5)
    assert (task.monitor, task.mode) == ("val/explained", "max")


@pytest.mark.filterwarnings("ignore:Metric `SpearmanCorrcoef` will save")
def test_a_metric_of_each_number_counts_by_its_mean() -> None:
    task = made(Given(), metrics={"rank": SpearmanCorrCoef(num_outputs=2)}, monitor="val/rank")
    assert task.mode == "max"
    task.fit_targets(torch.tensor([[0.0, 1e6], [20.0, 3e6]]))
    images = images_of([[0.0, 1.0], [1.0, 2.0], [2.0, 3.0]])
    task._step((images, torch.tensor([[1.0, 5e6], [2.0, 7e6], [3.0, 6e6]])), "val")
    assert float(task.compute_metrics("val")["rank"]) == pytest.approx((1 + 0.5) / 2, abs=1e-4)


def steps(task: Regression, optimizer: Optimizer, losses: list[float], batch: tuple[Tensor, Tensor]) -> None:
    """As many steps as there are losses, which are put in their place."""
    for step in range(len(losses)):
        task._trainer = SimpleNamespace(global_step=step)  # type: ignore[assignment]

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss, _ = task._step(batch, "train")
            loss.backward()  # type: ignore[no-untyped-call]
            losses[step] = loss.item()  # noqa: B023  called at once
            return loss

        task.optimizer_step(0, step, optimizer, closure)


def test_the_learning_rate_rises() -> None:
    task = made(Fixed([1.0]), 1, warmup=4)
    optimizer = torch.optim.SGD(task.net.parameters(), lr=0.1)
    batch = torch.zeros(1, 1, 2, 2), torch.zeros(1, 1)
    losses = [0.0] * 6
    steps(task, optimizer, losses, batch)
    expected = [1.0]
    for share in (0.25, 0.5, 0.75, 1, 1):
        expected.append(expected[-1] * (1 - 2 * 0.1 * share) ** 2)
    assert losses == pytest.approx(expected)
    assert optimizer.param_groups[0]["lr"] == 0.1
    with pytest.raises(UserError, match=r"task\.warmup=-1: expected a number of steps"):
        made(Fixed([1.0]), 1, warmup=-1)


@pytest.mark.parametrize(("warmup", "calm"), [(0, False), (100, True)])
def test_a_wide_layer_does_not_throw_the_numbers(warmup: int, calm: bool) -> None:
    torch.manual_seed(0)
    net = CNN(image_shape=(1, 32, 32), num_classes=1)
    task = Regression(net=net, image_shape=(1, 32, 32), num_classes=1, warmup=warmup)
    task.train()
    losses = [0.0] * 5
    batch = torch.rand(16, 1, 32, 32), torch.randn(16, 1)
    steps(task, torch.optim.Adam(net.parameters(), lr=1e-3), losses, batch)
    assert (max(losses) < 5) is calm, losses
