"""Saliency: the gradient of the class score, pixel by pixel.

Simonyan, Vedaldi and Zisserman, "Deep inside convolutional networks: visualising image classification
models and saliency maps", 2014; here with its sign and summed over channels.

Shapes: B images, C channels, H × W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from torch import Tensor, nn

from pellucid.explainer.base import Explainer


@final
class Saliency(Explainer):
    """The gradient: how the score rises with a pixel's channels, per unit of normalised brightness."""

    title = "saliency"
    signed = True

    def __init__(self) -> None:
        """No options: said here, as options are checked by reading constructors."""

    def _attribute(
        self, net: nn.Module, images_BCHW: Tensor, target_B: Tensor, black_CHW: Tensor
    ) -> tuple[Tensor, Sequence[str]]:
        from captum import attr  # late: it takes half a second, and brings pyplot

        images_BCHW.requires_grad_()
        gradient_BCHW: Tensor = attr.Saliency(net).attribute(images_BCHW, target_B, abs=False)
        return gradient_BCHW.sum(dim=1), [""] * len(images_BCHW)
