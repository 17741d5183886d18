"""A convolution's kernels and how far training has changed them.

Axes: O outputs, I inputs, H × W pixels of a kernel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import nn

from pellucid.errors import UserError
from pellucid.inside.layers import MAX_LAYERS, Layers, layers_of_kind, select_layers


@dataclass(frozen=True)
class FilterChange:
    """Kernels now and at the start, float32; ``change`` is that of the whole layer. None: not known."""

    now_OIHW: np.ndarray
    start_OIHW: np.ndarray | None
    change: float | None


def chosen_convolutions(net: nn.Module, layers: Layers) -> list[str]:
    """Names of the chosen convolutions; none where the net has none. Raises UserError for another layer."""
    names = select_layers(net, layers_of_kind(net, nn.Conv2d), layers, limit=MAX_LAYERS)
    for name in names:
        layer = net.get_submodule(name)
        if not isinstance(layer, nn.Conv2d):
            raise UserError(f"layers: {name} is a {type(layer).__name__}. Expected a convolution (Conv2d).")
    return names


def filters(net: nn.Module, layer: str, start_OIHW: np.ndarray | None) -> FilterChange:
    """The kernels of that convolution beside those at the start, where they are known."""
    now_OIHW = kernels(net, layer)
    if start_OIHW is None:
        return FilterChange(now_OIHW, None, None)
    return FilterChange(now_OIHW, start_OIHW, relative_change(now_OIHW, start_OIHW))


def kernels(net: nn.Module, layer: str) -> np.ndarray:
    """A convolution's weights, (O, I, H, W), float32."""
    weight = net.get_submodule(layer).weight
    array: np.ndarray = weight.detach().float().cpu().numpy()  # type: ignore[operator]
    return array


def relative_change(now: np.ndarray, before: np.ndarray) -> float:
    """‖now − before‖ / ‖before‖; infinite where it began at 0 and no longer is."""
    change = float(np.linalg.norm(now.astype(np.float64) - before))
    start = float(np.linalg.norm(before.astype(np.float64)))
    if start == 0:
        return 0.0 if change == 0 else float("inf")
    return change / start
