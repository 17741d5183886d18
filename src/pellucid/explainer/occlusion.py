"""Occlusion: how far the class score falls when a part of the image is hidden.

Zeiler and Fergus, "Visualizing and understanding convolutional networks", 2014; hidden behind black.

Shapes: B images, C channels, H × W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import final

from torch import Tensor, nn

from pellucid.errors import UserError
from pellucid.explainer.base import Explainer, images_per_pass


@final
class Occlusion(Explainer):
    """Occlusion: a pixel's value is the mean fall of the score under a black window that slides over it.

    ``window`` and ``stride`` are fractions of a side, at least one pixel.
    Raises UserError unless 0 < stride <= window <= 1.
    """

    title = "occlusion"
    signed = True

    def __init__(self, *, window: float = 0.25, stride: float = 0.25) -> None:
        if not 0 < stride <= window <= 1:
            raise UserError(
                f"window={window}, stride={stride}: expected fractions of the image's side with "
                "0 < stride <= window <= 1, e.g. window=0.25 and stride=0.25."
            )
        self.window = window
        self.stride = stride

    def passes(self, sides: tuple[int, ...]) -> int:
        windows = (
            -(-(side - _pixels(self.window, side)) // _pixels(self.stride, side)) + 1 for side in sides
        )
        return math.prod(windows)

    def _attribute(
        self, net: nn.Module, images_BCHW: Tensor, target_B: Tensor, black_CHW: Tensor
    ) -> tuple[Tensor, Sequence[str]]:
        from captum import attr  # late: it takes half a second, and brings pyplot

        channels, *sides = black_CHW.shape
        fall_BCHW: Tensor = attr.Occlusion(net).attribute(
            images_BCHW,
            sliding_window_shapes=(channels, *(_pixels(self.window, side) for side in sides)),
            strides=(channels, *(_pixels(self.stride, side) for side in sides)),
            baselines=black_CHW[None],
            target=target_B,
            perturbations_per_eval=max(1, images_per_pass(images_BCHW) // len(images_BCHW)),
        )
        return fall_BCHW.mean(dim=1), [""] * len(images_BCHW)  # the channels, hidden together, are equal


def _pixels(fraction: float, side: int) -> int:
    return max(1, round(fraction * side))
