"""What the layers of a net make of many images, in numbers few enough to be compared.

Shapes: B and N images, C channels, h × w pixels of a layer's map, T tokens, P numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pellucid.errors import UserError
from pellucid.inside.hooks import captured
from pellucid.inside.layers import find_layers, layers_of_kind, select_layers
from pellucid.inside.preserve_state import preserve_state
from pellucid.inside.trace import units_last

SIDE = 4  # parts a side that a map is averaged over; of a row of tokens SIDE × SIDE
MAX_LAYERS = 24
KINDS = (nn.Conv2d, nn.Linear)


def select_layers_of(nets: Sequence[nn.Module], layers: str | Sequence[str]) -> list[list[str]]:
    """The layers of each net: ``auto``, or of those named the ones that it has.

    ``auto``: convolutions and linear layers, at most ``MAX_LAYERS``. Raises UserError for a name that no net
    has, and where a net has none of them.
    """
    if isinstance(layers, str) and layers != "auto":
        raise UserError(f"layers={layers}: expected auto or a list of names, e.g. layers=[features.0,head].")
    if not layers:
        raise UserError("layers=[] names none: expected auto or names, e.g. layers=[features.0,head].")
    if layers == "auto":
        return [select_layers(net, layers_of_kind(net, *KINDS), limit=MAX_LAYERS) for net in nets]
    known = [dict(net.named_modules()) for net in nets]
    for name in layers:
        if not any(name and name in names for names in known):
            find_layers(nets[0], [name])  # tells which it has
    shared = [[name for name in layers if name in names] for names in known]
    return [list(find_layers(net, names or layers)) for net, names in zip(nets, shared, strict=True)]


def representations(
    net: nn.Module, names: Sequence[str], batches: Iterable[Tensor], run: Callable[[Tensor], object]
) -> dict[str, np.ndarray]:
    """What each layer gives for all images of the batches, (N, P), float32; the net is left as found.

    ``run`` runs the net on a batch. Maps are averaged over SIDE × SIDE parts. Layers that give no tensor with
    a row an image are left out.
    """
    modules, parts = find_layers(net, names), {name: list[Tensor]() for name in names}
    with preserve_state(net) as plain, captured(plain, names) as outputs, torch.no_grad():
        for images_BCHW in batches:
            run(images_BCHW)
            for name, output in outputs.items():
                if output.ndim > 1 and len(output) == len(images_BCHW):
                    parts[name].append(_few(output.float(), units_last(modules[name])).cpu())
    return {name: torch.cat(outputs).numpy() for name, outputs in parts.items() if outputs}


def _few(output: Tensor, last: bool) -> Tensor:
    """(B, P) of maps (B, C, h, w), tokens (B, T, C) or units (B, C)."""
    if output.ndim > 2 and (last or output.ndim == 3):
        output = output.movedim(-1, 1)
    if output.ndim == 4 and max(output.shape[2:]) > SIDE:
        output = functional.adaptive_avg_pool2d(output, SIDE)
    elif output.ndim == 3 and output.shape[2] > SIDE**2:
        output = functional.adaptive_avg_pool1d(output, SIDE**2)
    return output.flatten(1)
