"""Grad-CAM: where a layer's maps speak for the class.

Selvaraju et al., "Grad-CAM: visual explanations from deep networks via gradient-based localization", 2017.

Shapes: B images, C channels, H × W pixels of an image, h × w of a layer's map.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from torch import Tensor, nn
from torch.nn import functional

from pellucid.errors import UserError
from pellucid.explainer.base import Explainer, copied_to
from pellucid.inside.layers import find_layers
from pellucid.inside.preserve_state import preserve_state
from pellucid.inside.trace import has_maps, traced

NO_MAPS = "what it reads its scores from are no maps of the image"


@final
class GradCAM(Explainer):
    """Grad-CAM: a layer's maps, each times its mean gradient, summed, cut below 0, and enlarged bilinearly.

    ``layer``: a name, or ``auto`` for the last layer with maps (see ``last_layer_with_maps``). Of a layer
    that runs several times, the last run.
    """

    title = "Grad-CAM"
    signed = False

    def __init__(self, *, layer: str = "auto") -> None:
        self.layer = layer

    def reason(self, net: nn.Module, images_BCHW: Tensor) -> str | None:
        with preserve_state(net) as plain:
            images_BCHW = copied_to(plain, images_BCHW[:1])
            if self.layer == "auto":
                return NO_MAPS if last_layer_with_maps(plain, images_BCHW) is None else None
            self._find_layer(plain, images_BCHW)
        return None

    def titled(self, net: nn.Module, images_BCHW: Tensor) -> str:
        return f"{self.title} at {self._find_layer(net, images_BCHW)}"

    def _attribute(
        self, net: nn.Module, images_BCHW: Tensor, target_B: Tensor, black_CHW: Tensor
    ) -> tuple[Tensor, Sequence[str]]:
        from captum import attr  # late: it takes half a second, and brings pyplot

        layer = net.get_submodule(self._find_layer(net, images_BCHW[:1]))
        # Captum hands a copy of the maps on, so a ReLU in place behind the layer spoils nothing.
        maps_B1hw: Tensor = attr.LayerGradCam(net, layer).attribute(
            images_BCHW, target_B, relu_attributions=True
        )
        size = images_BCHW.shape[2:]
        maps_B1HW = functional.interpolate(maps_B1hw.detach().float(), size=size, mode="bilinear")
        return maps_B1HW[:, 0], [""] * len(images_BCHW)

    def _find_layer(self, net: nn.Module, images_BCHW: Tensor) -> str:
        """Raises UserError for an unknown layer, and for one without maps."""
        kind = type(net).__name__
        if self.layer == "auto":
            name = last_layer_with_maps(net, images_BCHW)
            if name is None:
                raise UserError(f"Grad-CAM cannot explain {kind}: {NO_MAPS}. Use another method.")
            return name
        find_layers(net, [self.layer])
        trace = traced(net, images_BCHW)
        if not has_maps(trace, self.layer):
            shape = trace.shapes.get(self.layer)
            got = "no tensor" if shape is None else f"a tensor of shape {shape}, which are none"
            raise UserError(
                f"layer={self.layer}: Grad-CAM needs maps (images, channels, height, width), and this "
                f"layer of {kind} gives {got}. Name a convolution or a block of them, or use layer=auto."
            )
        return self.layer


def last_layer_with_maps(net: nn.Module, images_BCHW: Tensor) -> str | None:
    """The name of the layer whose maps come last when the net runs; None where there is none.

    Maps are of more than one pixel, and behind the last layer with weights that works on tokens, as those of
    attention: what a net's first convolution cuts out is not what it reads its scores from. Layers that run
    several times are left out. A block comes after the layers that it is made of.
    """
    trace = traced(net, images_BCHW)
    for name in reversed(trace.done):
        shape = trace.shapes[name] or ()
        if name and trace.runs[name] == 1 and has_maps(trace, name) and shape[2] * shape[3] > 1:
            return name
    return None
