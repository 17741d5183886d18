"""ResNet-9: eight convolutions with two shortcuts, made to learn small photos in minutes.

After Page, "How to train your ResNet", 2018, parts 4 and 8, where it was the fastest net on CIFAR-10.

Shapes: B images, C channels, H × W pixels, D embedding, K classes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pellucid.model.size import check_size

POOLS = 3


class ResNet9(nn.Module):
    """A residual classifier for images of about 32 × 32 pixels; ``width``: channels of its first maps.

    Widths w, 2w, 4w, 8w, each step a convolution pooled by 2; at 2w and 8w a residual block. The embedding
    is the maximum of each last map times ``scale``, which keeps the first scores small.
    Raises ImageTooSmallError below 8 × 8 pixels.
    """

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int],
        num_classes: int,
        width: int = 64,
        scale: float = 0.125,
        channels_last: bool = True,
    ) -> None:
        super().__init__()
        check_size("ResNet9", image_shape, lambda side: side // 2**POOLS)
        self.scale = scale
        self.features = nn.Sequential(
            _convolution(image_shape[0], width),
            _convolution(width, 2 * width, pool=True),
            Residual(2 * width),
            _convolution(2 * width, 4 * width, pool=True),
            _convolution(4 * width, 8 * width, pool=True),
            Residual(8 * width),
        )
        self.pool = nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten())
        self.head = nn.Linear(8 * width, num_classes)
        if channels_last:
            self.to(memory_format=torch.channels_last)

    def embed(self, images_BCHW: Tensor) -> Tensor:
        embedding_BD: Tensor = self.pool(self.features(images_BCHW)) * self.scale
        return embedding_BD

    def forward(self, images_BCHW: Tensor) -> Tensor:
        logits_BK: Tensor = self.head(self.embed(images_BCHW))
        return logits_BK


class Residual(nn.Module):
    """Two convolutions and a shortcut around them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block = nn.Sequential(_convolution(width, width), _convolution(width, width))

    def forward(self, maps_BCHW: Tensor) -> Tensor:
        output_BCHW: Tensor = maps_BCHW + self.block(maps_BCHW)
        return output_BCHW


def _convolution(before: int, after: int, *, pool: bool = False) -> nn.Sequential:
    """3 × 3, pooled by 2 where asked, then batch norm and ReLU."""
    return nn.Sequential(
        nn.Conv2d(before, after, kernel_size=3, padding=1, bias=False),
        *([nn.MaxPool2d(2)] if pool else []),
        nn.BatchNorm2d(after),
        nn.ReLU(),
    )
