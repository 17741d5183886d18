"""What flows through each layer: mean, standard deviation, dead units.

Axes: B images, U units (channels of a map, neurons of a vector), S values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid.inside.hooks import watched
from pellucid.inside.layers import find_layers
from pellucid.inside.trace import units_last

SAMPLE = 20_000  # values kept of a layer for its histogram


@dataclass(frozen=True)
class Activity:
    """Of one layer's output for some images: how many values, their mean and standard deviation, each unit's
    lowest and highest, and ``sample_S`` some of all.
    """

    count: int
    mean: float
    std: float
    low_U: Tensor
    high_U: Tensor
    sample_S: Tensor

    @property
    def units(self) -> int:
        return len(self.low_U)

    @property
    def dead(self) -> float:
        """The share of units, in [0, 1], that gave the same value for every image and place."""
        return float((self.low_U == self.high_U).float().mean())


@contextmanager
def measured(net: nn.Module, names: Sequence[str], sample: int = SAMPLE) -> Iterator[dict[str, Activity]]:
    """The activity of those layers in the last forward pass within, measured before a layer that follows
    can change it in place; of at most ``sample`` values. No hook is left, also after an exception.
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
            activities[name] = activity(output, last=last, sample=sample)

    with watched(layers, measure):
        yield activities


def activity(output: Tensor, *, last: bool, sample: int = SAMPLE) -> Activity:
    """Of an output (B, U, …), or (B, …, U) where units are ``last``."""
    values = output.detach().float()
    others = [axis for axis in range(values.ndim) if axis != (values.ndim - 1 if last else 1)]
    first = values[(0,) * values.ndim]
    beyond = values - first  # the squares of values far from 0 would cancel
    mean = float(beyond.mean())
    square = float(torch.linalg.vector_norm(beyond)) ** 2 / values.numel()  # a sixth of std's time
    places_S = torch.arange(0, values.numel(), -(-values.numel() // sample), device=values.device)
    return Activity(
        count=values.numel(),
        mean=float(first) + mean,
        std=max(square - mean**2, 0.0) ** 0.5,
        low_U=values.amin(others),
        high_U=values.amax(others),
        sample_S=values[torch.unravel_index(places_S, values.shape)],  # flattened, maps would be copied
    )


def combined(parts: Sequence[Activity]) -> Activity:
    """The activity of one layer for all images of several passes."""
    count = sum(part.count for part in parts)
    mean = sum(part.count * part.mean for part in parts) / count
    variance = sum(part.count * (part.std**2 + (part.mean - mean) ** 2) for part in parts) / count
    return Activity(
        count=count,
        mean=mean,
        std=variance**0.5,
        low_U=torch.stack([part.low_U for part in parts]).amin(dim=0),
        high_U=torch.stack([part.high_U for part in parts]).amax(dim=0),
        sample_S=torch.cat([part.sample_S for part in parts]),
    )
