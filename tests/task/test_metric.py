"""The mean over images, by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torchmetrics.regression import SpearmanCorrCoef

from pellucid.task.metric import MeanOverImages, MeanOverNumbers, PowerMean


def test_mean_over_images_by_hand() -> None:
    metric = MeanOverImages()
    metric.update(torch.tensor([1.0, 5.0]), torch.tensor([3, 1]))
    assert float(metric.compute()) == 2.0
    metric.reset()
    metric.update(torch.tensor([7.0]), torch.tensor([2]))
    assert float(metric.compute()) == 7.0


@pytest.mark.parametrize("size", [1.0, 1e35, 1e-25])
def test_errors_of_any_size_by_hand(size: float) -> None:
    for power, of_all, of_second in ((1, 3.75, 2.0), (2, math.sqrt((64 + 9 + 16 + 0) / 4), math.sqrt(8))):
        metric = PowerMean(power)
        metric.update(size * torch.tensor([[8.0], [-3.0], [4.0]]))
        metric.update(torch.zeros(1, 1))
        assert float(metric.compute()) == pytest.approx(size * of_all)
        metric.reset()
        metric.update(size * torch.tensor([[4.0, 0.0]]))
        assert float(metric.compute()) == pytest.approx(size * of_second)
    metric.update(torch.tensor([[torch.nan]]))
    assert math.isnan(metric.compute())


def test_errors_of_many_images_do_not_overflow() -> None:
    metric = PowerMean(1)
    metric.update(torch.full((20_000, 1), 3e38))
    assert float(metric.compute()) == pytest.approx(3e38)


@pytest.mark.filterwarnings("ignore:Metric `SpearmanCorrcoef` will save")
def test_a_metric_of_each_number_is_their_mean() -> None:
    metric = MeanOverNumbers(SpearmanCorrCoef(num_outputs=2))
    metric.update(torch.tensor([[0.0, 0.0], [1.0, 1.0]]), torch.tensor([[3.0, 6.0], [4.0, 5.0]]))
    metric.update(torch.tensor([[2.0, 2.0]]), torch.tensor([[5.0, 4.0]]))
    assert float(metric.compute()) == pytest.approx((1 - 1) / 2, abs=1e-4)
    metric.reset()
    metric.update(torch.tensor([[0.0, 0.0], [1.0, 1.0]]), torch.tensor([[3.0, 6.0], [4.0, 7.0]]))
    assert float(metric.compute()) == pytest.approx(1, abs=1e-4)
    assert metric.higher_is_better
