"""Which layers of a net an option means: those that it names, or with ``auto`` some of those that qualify."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from torch import nn

from pellucid.errors import UserError, did_you_mean
from pellucid.inside.trace import WEIGHTED, Trace, is_activation

Layers = Literal["auto"] | Sequence[str]
MAX_LAYERS = 3  # first, middle, last
MAX_LISTED = 12  # layers of a net, where none is near


def select_layers(
    net: nn.Module, among: Sequence[str], layers: Layers = "auto", *, limit: int | None = None
) -> list[str]:
    """The layers that ``layers`` names, or of ``auto`` those ``among``; of more than ``limit`` so many,
    evenly spread from the first to the last.

    Raises UserError for an unknown name, for an empty list, and for what is neither a list nor auto.
    """
    if isinstance(layers, list | tuple):
        if not layers:
            raise UserError(
                "layers=[] names none: expected auto or names. To leave the view out: ~callbacks.…"
            )
        return list(find_layers(net, [str(name) for name in layers]))  # [0]: a number on the line
    if layers != "auto":
        raise UserError(f"layers={layers}: expected auto or a list of names, e.g. layers=[features.0].")
    count = len(among)
    positions = np.linspace(0, count - 1, count if limit is None else min(limit, count))
    return [among[int(position)] for position in np.ceil(positions - 0.5)]  # midway between two: the former


def find_layers(net: nn.Module, names: Sequence[str]) -> dict[str, nn.Module]:
    """Layers by their ``named_modules`` names. Raises UserError for an unknown one, with the nearest."""
    modules = dict(net.named_modules())
    for name in names:
        if not name or name not in modules:
            raise UserError(f"{type(net).__name__} has no layer named '{name}'.{near(name, modules)}")
    return {name: modules[name] for name in names}


def near(name: str, names: Iterable[str]) -> str:
    """`` Did you mean x or y?``, or the first of those known where nothing is near."""
    named = [layer for layer in names if layer]  # the net itself has none
    listed = f" It has {', '.join(named[:MAX_LISTED])}{', …' if len(named) > MAX_LISTED else ''}."
    return did_you_mean(name, named, limit=3, cutoff=0.3, quote="") or listed


def layers_of_kind(net: nn.Module, *kinds: type[nn.Module]) -> list[str]:
    """Names of the layers of those classes, in the order in which the net defines them."""
    return [name for name, module in net.named_modules() if isinstance(module, kinds)]


def layers_with_units(net: nn.Module) -> list[str]:
    """Names of the linear layers, convolutions and activations, in that order too."""
    return [n for n, module in net.named_modules() if isinstance(module, WEIGHTED) or is_activation(module)]


def convolutions_with_maps(trace: Trace) -> list[str]:
    """Names of the convolutions that gave maps of more than one pixel, in that order; of all if none did."""
    names = layers_of_kind(trace.modules[""], nn.Conv2d)
    return [name for name in names if math.prod((trace.shapes.get(name) or ())[2:]) > 1] or names
