"""The small convolutional net."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pellucid.errors import ImageTooSmallError
from pellucid.model.cnn import CNN


def parameters(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def test_cnn_has_the_layers_of_the_document() -> None:
    net = CNN(
        image_shape=(1, 28, 28),
        num_classes=10,
        channels=[32, 64],
        hidden=[600, 120],
        dropout=0.25,
        channels_last=False,
    )
    assert net.features(torch.zeros(1, 1, 28, 28)).shape == (1, 64, 6, 6)
    convolutions = (32 * 9 + 32) + 2 * 32 + (64 * 32 * 9 + 64) + 2 * 64
    assert parameters(net) == convolutions + (2304 * 600 + 600) + (600 * 120 + 120) + (1200 + 10)
    assert not any(isinstance(m, nn.Dropout2d) for m in net.modules())


def test_cnn_says_the_smallest_size_that_works() -> None:
    options = {
        "num_classes": 10,
        "channels": [32, 64],
        "hidden": [600, 120],
        "dropout": 0.25,
        "channels_last": False,
    }
    with pytest.raises(ImageTooSmallError, match="smallest that works is 8") as caught:
        CNN(image_shape=(1, 7, 7), **options)  # type: ignore[arg-type]
    assert caught.value.smallest == 8
    CNN(image_shape=(1, 8, 8), **options)(torch.zeros(2, 1, 8, 8))  # type: ignore[arg-type]
