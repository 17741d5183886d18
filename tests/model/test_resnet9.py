"""ResNet-9, its layers counted by hand."""

from __future__ import annotations

import pytest
import torch

from pellucid.errors import ImageTooSmallError
from pellucid.model.resnet9 import Residual, ResNet9


def test_its_parameters_are_those_of_the_paper_with_a_bias_of_the_head() -> None:
    net = ResNet9(image_shape=(3, 32, 32), num_classes=10)
    convolutions = 9 * (3 * 64 + 64 * 128 + 2 * 128 * 128 + 128 * 256 + 256 * 512 + 2 * 512 * 512)
    norms = 2 * (64 + 3 * 128 + 256 + 3 * 512)
    assert sum(p.numel() for p in net.parameters()) == convolutions + norms + 512 * 10 + 10
    assert net.features(torch.zeros(1, 3, 32, 32)).shape == (1, 512, 4, 4)


def test_a_block_whose_last_norm_is_zero_is_a_shortcut() -> None:
    block = Residual(4).eval()
    torch.nn.init.zeros_(block.block[1][1].weight)  # type: ignore[index]
    maps = torch.randn(2, 4, 5, 5)
    assert torch.equal(block(maps), maps)


def test_the_embedding_is_the_scaled_maximum_of_each_last_map() -> None:
    net = ResNet9(image_shape=(1, 16, 16), num_classes=3, width=4, scale=0.5).eval()
    images = torch.randn(2, 1, 16, 16)
    assert torch.equal(net.embed(images), 0.5 * net.features(images).flatten(2).max(dim=2).values)


def test_the_smallest_size_is_told() -> None:
    with pytest.raises(ImageTooSmallError, match="smallest that works is 8"):
        ResNet9(image_shape=(3, 7, 7), num_classes=2)
