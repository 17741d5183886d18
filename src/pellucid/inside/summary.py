"""A table of a net's layers: shapes, parameters, floating point operations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from pellucid.inside.hooks import watched
from pellucid.inside.mode import evaluation_mode


@dataclass(frozen=True)
class Layer:
    """One row. ``output`` is the shape for one image; ``flops`` counts multiplications and additions."""

    name: str
    kind: str
    output: tuple[int, ...] | None
    parameters: int
    trainable: int
    flops: int


def summarize(net: nn.Module, image_shape: tuple[int, int, int], depth: int) -> list[Layer]:
    """Layers down to ``depth`` levels, then the whole net under the name ``total``.

    Runs the net once on a black image, in evaluation mode, and leaves it as it was.
    """
    outputs: dict[str, tuple[int, ...]] = {}
    like = next((p for p in net.parameters() if p.is_floating_point()), torch.empty(0))
    counter = FlopCounterMode(mods=None, display=False, depth=depth + 1)

    def record(name: str, output: Tensor) -> None:
        outputs[name] = tuple(output.shape[1:])

    with evaluation_mode(net), _without_gradients(net), watched(dict(net.named_modules()), record), counter:
        net(torch.zeros(1, *image_shape, device=like.device, dtype=like.dtype))
    flops = counter.get_flop_counts()
    prefix = type(net).__name__

    def row(name: str, module: nn.Module, key: str) -> Layer:
        parameters = list(module.parameters())
        return Layer(
            name=name,
            kind=type(module).__name__,
            output=outputs.get(key),
            parameters=sum(p.numel() for p in parameters),
            trainable=sum(p.numel() for p in parameters if p.requires_grad),
            flops=sum(flops.get(f"{prefix}.{key}" if key else prefix, {}).values()),
        )

    layers = [
        row(name, module, name) for name, module in net.named_modules() if name and name.count(".") < depth
    ]
    return [*layers, row("total", net, "")]


def operations(net: nn.Module, images_BCHW: Tensor) -> int:
    """Multiplications and additions of one run of the net, as it is, on these images; without gradients."""
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), _without_gradients(net), counter:
        net(images_BCHW)
    return counter.get_total_flops()


@contextmanager
def _without_gradients(net: nn.Module) -> Iterator[None]:
    """No parameter asks for gradients: torch's counter stumbles over views of one, as class tokens are."""
    trained = [parameter for parameter in net.parameters() if parameter.requires_grad]
    try:
        for parameter in trained:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)
