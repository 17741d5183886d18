"""Grad-CAM: where a layer's maps speak for the class.

Selvaraju et al., "Grad-CAM: visual explanations from deep networks via gradient-based localization", 2017.

Shapes: B images, C channels, H × W pixels of an image, h × w of a layer's map.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from pellucid.errors import UserError
from pellucid.explainer.base import Explainer, placed
from pellucid.inside.capture import captured, find_layers, watched
from pellucid.inside.untouched import untouched


@final
class GradCAM(Explainer):
    """A layer's maps, each times its mean gradient, summed, cut below 0, and enlarged bilinearly.

    ``layer``: a name, or ``auto`` for the last layer with maps (see ``last_layer_with_maps``). Of a layer
    that runs several times, the last run.
    """

    title = "Grad-CAM"
    signed = False

    def __init__(self, *, layer: str) -> None:
        self.layer = layer

    def reason(self, net: nn.Module, images_BCHW: Tensor) -> str | None:
        with untouched(net) as plain:
            if self.layer != "auto":
                self._find_layer(plain, placed(plain, images_BCHW[:1]))
                return None
            found = last_layer_with_maps(plain, placed(plain, images_BCHW[:1]))
        return "no layer with maps" if found is None else None

    def _attribute(
        self, net: nn.Module, images_BCHW: Tensor, target_B: Tensor, black_CHW: Tensor
    ) -> tuple[Tensor, Sequence[str]]:
        from captum import attr  # late: it takes half a second, and brings pyplot

        layer = self._find_layer(net, images_BCHW[:1])
        # Captum hands a copy of the maps on, so a ReLU in place behind the layer spoils nothing.
        maps_B1hw: Tensor = attr.LayerGradCam(net, layer).attribute(
            images_BCHW, target_B, relu_attributions=True
        )
        size = images_BCHW.shape[2:]
        maps_B1HW = functional.interpolate(maps_B1hw.detach().float(), size=size, mode="bilinear")
        return maps_B1HW[:, 0], [""] * len(images_BCHW)

    def _find_layer(self, net: nn.Module, images_BCHW: Tensor) -> nn.Module:
        """Raises UserError for an unknown layer, and for one without maps."""
        kind = type(net).__name__
        if self.layer == "auto":
            name = last_layer_with_maps(net, images_BCHW)
            if name is None:
                raise UserError(f"Grad-CAM cannot explain {kind}: no layer with maps. Use another method.")
            return net.get_submodule(name)
        with captured(net, [self.layer]) as outputs, torch.no_grad():
            net(images_BCHW)
        output = outputs.get(self.layer)
        if output is None or output.ndim != 4:
            got = "no tensor" if output is None else f"a tensor of shape {tuple(output.shape)}"
            raise UserError(
                f"layer={self.layer}: Grad-CAM needs maps (images, channels, height, width), and this "
                f"layer of {kind} gives {got}. Name a convolution or a block of them, or use layer=auto."
            )
        return find_layers(net, [self.layer])[self.layer]


def last_layer_with_maps(net: nn.Module, images_BCHW: Tensor) -> str | None:
    """The name of the layer whose maps come last when the net runs; None where there is none.

    Maps are 4-D, of more than one pixel, and not larger than the image (so not channels-last). Layers that
    run several times are left out. A block comes after the layers that it is made of.
    """
    seen: list[tuple[str, bool]] = []
    height, breadth = images_BCHW.shape[2:]

    def record(name: str, output: Tensor) -> None:
        maps = output.ndim == 4 and output.is_floating_point()
        h, w = output.shape[2:] if maps else (0, 0)
        seen.append((name, h * w > 1 and h <= height and w <= breadth))

    layers = {name: module for name, module in net.named_modules() if name}
    with watched(layers, record), torch.no_grad():
        net(images_BCHW)
    runs = Counter(name for name, _ in seen)
    return next((name for name, maps in reversed(seen) if maps and runs[name] == 1), None)
