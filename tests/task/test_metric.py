"""The mean over images, by hand."""

from __future__ import annotations

import torch

from pellucid.task.metric import MeanOverImages


def test_mean_over_images_by_hand() -> None:
    metric = MeanOverImages()
    metric.update(torch.tensor([1.0, 5.0]), torch.tensor([3, 1]))
    assert float(metric.compute()) == 2.0
    metric.reset()
    metric.update(torch.tensor([7.0]), torch.tensor([2]))
    assert float(metric.compute()) == 7.0
