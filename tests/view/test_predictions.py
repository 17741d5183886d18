"""Predictions of images by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pellucid.inside.images import Images
from pellucid.inside.predictor import Predictor
from pellucid.view.predictions import likeliest, predict_images


class Bright(nn.Module):
    """Class 1 has three times the odds where the upper left pixel is white, else a third."""

    def forward(self, images_BCHW: Tensor) -> Tensor:
        odds_B = (2 * images_BCHW[:, 0, 0, 0] - 1) * torch.tensor(3.0).log()
        return torch.stack([torch.zeros_like(odds_B), odds_B], dim=1)


def test_predictions_of_images(make_predictor: Callable[[nn.Module], Predictor]) -> None:
    pixels_BCHW = torch.zeros(2, 1, 2, 2, dtype=torch.uint8)
    pixels_BCHW[1] = 255
    images = Images(pixels_BCHW, torch.tensor([1, 1]), ("a.png", "b.png"), ("dog", "dog"))
    found = predict_images(make_predictor(Bright()), images)
    assert found.captions == ["cat 0.75\n(dog)", "dog 0.75\n(dog)"]
    assert found.right == [False, True]


def test_the_likeliest_classes() -> None:
    ((first, second),) = likeliest(torch.tensor([[0.2, 0.5, 0.3]]), ("a", "b", "c"), 2)
    assert (first[0], second[0]) == ("b", "c")
    assert [first[1], second[1]] == pytest.approx([0.5, 0.3])
    assert len(likeliest(torch.tensor([[0.2, 0.8]]), ("a", "b"), 5)[0]) == 2
