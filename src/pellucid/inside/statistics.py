"""What flows through each layer: mean, standard deviation, dead units.

Axes: B images, U units (channels of a map, neurons of a vector).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from pellucid.inside.hooks import watched
from pellucid.inside.layers import find_layers
from pellucid.inside.trace import units_last

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
    activities: dict[str, Activity] = {}
    last = False  # whether units are the last axis; an activation keeps them where the layer before has them

    modules = find_layers(net, names)
    leaves = {name: module for name, module in net.named_modules() if not list(module.children())}
    layers = {**leaves, **modules}

    def measure(name: str, output: Tensor) -> None:
        nonlocal last
        if list(layers[name].parameters(recurse=False)):
            last = units_last(layers[name])
        if name in modules and output.ndim >= 2:
            activities[name] = activity(output, last=last)

    with watched(layers, measure):
        yield activities


def activity(output: Tensor, *, last: bool) -> Activity:
    """Of an output (B, U, …), or (B, …, U) where units are ``last``."""
    values = output.detach().float()
    units = values.movedim(-1 if last else 1, -1).flatten(0, -2)
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
