"""The reconstruction's error, in pixels in [0, 1]."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pellucid.task.reconstruction import Reconstruction


class Copy(nn.Module):
    """Gives grey images."""

    def __init__(self) -> None:
        super().__init__()
        self.grey = nn.Parameter(torch.tensor(0.5))

    def forward(self, images: Tensor) -> Tensor:
        return self.grey.expand_as(images)


def test_reconstruction_error_in_pixels_by_hand() -> None:
    task = Reconstruction(
        net=Copy(),
        optimizer=lambda p: torch.optim.SGD(p, lr=0.1),
        scheduler=None,
        image_shape=(1, 2, 2),
        mean=[0.2],
        std=[0.4],
        seed=0,
    )
    pixels = torch.tensor([0.0, 0.5, 1.0, 0.5]).view(1, 1, 2, 2)
    loss, _ = task._step(((pixels - 0.2) / 0.4, torch.zeros(1)), "test")
    assert float(loss.detach()) == pytest.approx((0.25 + 0 + 0.25 + 0) / 4)


def test_images_weigh_in_the_error() -> None:
    task = Reconstruction(net=Copy(), image_shape=(1, 2, 2), mean=[0.0], std=[1.0])
    images = torch.stack([torch.full((1, 2, 2), 0.5), torch.full((1, 2, 2), 1.0)])  # errors 0 and 1/4
    loss, _ = task._step((images, torch.zeros(2), torch.tensor([1.0, 3.0])), "train")
    assert float(loss.detach()) == pytest.approx(3 / 4 * 1 / 4)
