"""What flows through each layer: mean, standard deviation, dead units.

Axes: B images, U units (channels of a map, neurons of a vector).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.inside.capture import find_layers

SAMPLE = 20_000  # values kept of a layer for its histogram


@dataclass(frozen=True)
class Activity:
    """Of one layer's output over a batch: ``dead`` is the share of units that gave the same value for every
    image and place, ``sample`` some of the values.
    """

    mean: float
    std: float
    dead: float
    units: int
    sample: np.ndarray


@contextmanager
def measured(net: nn.Module, names: Sequence[str]) -> Iterator[dict[str, Activity]]:
    """The activity of those layers in the last forward pass within, measured before a layer that follows
    can change it in place. No hook is left, also after an exception.
    """
    found: dict[str, Activity] = {}

    def meter(name: str) -> Any:
        def measure(module: nn.Module, inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor) and output.ndim >= 2 and output.is_floating_point():
                found[name] = activity(output)

        return measure

    handles = [layer.register_forward_hook(meter(n)) for n, layer in find_layers(net, names).items()]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def activity(output: Tensor) -> Activity:
    """Of an output (B, U, …); a layer of vectors in a sequence (B, …, U) has its units last."""
    values = output.detach().float()
    # A token sequence has its units last, a map or a vector in dimension 1.
    units = values.flatten(0, 1) if values.ndim == 3 else values.transpose(0, 1).flatten(1).T
    dead = (units.amax(dim=0) - units.amin(dim=0)) == 0
    flat = values.flatten()
    step = -(-flat.numel() // SAMPLE)
    return Activity(
        mean=float(values.mean()),
        std=float(values.std(correction=0)),
        dead=float(dead.float().mean()),
        units=units.shape[1],
        sample=flat[::step].cpu().numpy(),
    )


def layers_with_units(net: nn.Module) -> list[str]:
    """Names of the linear layers, convolutions and activations, in the net's own order."""
    activations = torch.nn.modules.activation.__name__
    return [
        name
        for name, module in net.named_modules()
        if isinstance(module, nn.Linear | nn.modules.conv._ConvNd)
        or (type(module).__module__ == activations and not list(module.children()))
    ]
