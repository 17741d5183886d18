"""Random erasing.

Shapes: B images, C channels, H × W pixels, R numbers of an image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.data.augment.kernels import column
from pellucid.data.augment.operation import Operation


@dataclass(frozen=True, kw_only=True)
class Erase(Operation):
    """Random erasing: with ``probability`` a rectangle of ``scale`` of the area and ``ratio``, height by
    width, becomes the mean colour; one that is longer than the image is cut.

    Zhong et al., "Random erasing data augmentation", 2020.
    """

    name = "erase"
    numbers = 5
    commutes = True
    scale: tuple[float, float] = (0.02, 0.33)
    ratio: tuple[float, float] = (0.3, 3.3)
    probability: float = 0.25

    def __call__(self, images_BCHW: Tensor, numbers_BR: Tensor, fill: Tensor | float = 0.0) -> Tensor:
        height, breadth = images_BCHW.shape[2:]
        chosen_B, area_B, ratio_B, down_B, right_B = numbers_BR.T
        area_B = height * breadth * (self.scale[0] + (self.scale[1] - self.scale[0]) * area_B)
        flat, tall = (math.log(ratio) for ratio in self.ratio)
        root_B = (0.5 * (flat + (tall - flat) * ratio_B)).exp()
        height_B = (area_B.sqrt() * root_B).round().clamp(1, height) * (chosen_B < self.probability)
        breadth_B = (area_B.sqrt() / root_B).round().clamp(1, breadth)
        top_B = (down_B * (height - height_B + 1)).floor()
        left_B = (right_B * (breadth - breadth_B + 1)).floor()
        down = _between(height, top_B, height_B, images_BCHW).unsqueeze(3)
        across = _between(breadth, left_B, breadth_B, images_BCHW).unsqueeze(2)
        if isinstance(fill, Tensor):
            return torch.where(down & across, fill, images_BCHW)
        return images_BCHW.masked_fill(down & across, fill)


def _between(side: int, start_B: Tensor, length_B: Tensor, images_BCHW: Tensor) -> Tensor:
    """Which of the pixels along a side are in each image's part, (B, 1, side)."""
    place = torch.arange(side, device=images_BCHW.device)
    start, length = (column(part_B, images_BCHW).squeeze(3) for part_B in (start_B, length_B))
    return (place >= start) & (place < start + length)
