"""The filter of a unit: the weights that make it of what the layer before gives.

Axes: I inputs, O outputs, H × W pixels of a kernel.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from torch import nn

from pellucid.inside.trace import Trace


@dataclass(frozen=True)
class UnitFilters:
    """``weights_OIHW`` of the layer ``name``; a linear layer's have kernels as large as the maps that it
    sees, or of one pixel. ``pixels``: whether the inputs are the channels of an image.
    """

    name: str
    weights_OIHW: np.ndarray
    pixels: bool


def find_filters(trace: Trace, name: str | None, image_shape: tuple[int, int, int]) -> UnitFilters | None:
    """The weights of a convolution of two dimensions or of a linear layer; None of another."""
    module = trace.modules[name] if name is not None else None
    if name is None or not isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
        return None
    weights = module.weight.detach().float().cpu().numpy()
    pixels = name == trace.first_weighted()
    if isinstance(module, nn.ConvTranspose2d):
        return UnitFilters(name, weights.swapaxes(0, 1), pixels) if module.groups == 1 else None
    if isinstance(module, nn.Linear):
        shape = _seen(trace, name, image_shape)
        flat = prod(shape) != module.in_features
        pixels = pixels and not flat
        weights = weights.reshape(module.out_features, *((module.in_features, 1, 1) if flat else shape))
    return UnitFilters(name, weights, pixels and weights.shape[1] == image_shape[0])


def _seen(trace: Trace, name: str, image_shape: tuple[int, int, int]) -> tuple[int, ...]:
    """The shape (I, H, W) of what was flattened for a linear layer."""
    source = trace.sources.get(name)
    while source is not None and isinstance(trace.modules[source], nn.Flatten | nn.Dropout | nn.Identity):
        source = trace.sources.get(source)
    if source is None:
        return image_shape if name == trace.first_weighted() else ()
    shape = trace.shapes[source] or ()
    return shape[1:] if len(shape) == 4 else ()
