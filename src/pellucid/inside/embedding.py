"""What a layer of a net makes of images: one vector an image."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from pellucid.errors import UserError
from pellucid.inside.hooks import captured, inputs_watched
from pellucid.inside.layers import near
from pellucid.inside.trace import traced, unit_axis

EMBED = "embed"  # what the last linear layer sees


@runtime_checkable
class Embedder(Protocol):
    """A net that says what its last linear layer sees, (B, D)."""

    def embed(self, images_BCHW: Tensor) -> Tensor: ...


def check_layer(net: nn.Module, layer: str) -> None:
    """Raise UserError, with the nearest names, unless that is embed or the name of a layer."""
    names = [name for name, _ in net.named_modules() if name]
    if layer not in (EMBED, *names):
        hint = near(layer, (EMBED, *names))
        raise UserError(f"layer={layer}: {type(net).__name__} has no layer of that name.{hint}")


def embedding(net: nn.Module, layer: str, images_BCHW: Tensor) -> Tensor:
    """(B, D): what the layer gives, maps averaged over their pixels, or with ``embed`` what the last linear
    layer sees, of a net without a method ``embed`` as well.

    Raises UserError for a layer that is not there or gives no vectors or maps of an image.
    """
    if layer == EMBED:
        if isinstance(net, Embedder) and not isinstance(net.embed, nn.Module):  # a layer of that name
            return net.embed(images_BCHW.clone()).flatten(1)  # it may write into them
        return _before_the_last_linear(net, images_BCHW)
    with captured(net, [layer]) as outputs:
        net(images_BCHW)
    output = outputs.get(layer)
    if output is None or output.ndim < 2 or len(output) != len(images_BCHW):
        raise UserError(f"layer={layer}: this layer gives no vectors or maps of an image.")
    units = unit_axis(traced(net, images_BCHW[:1]), layer) if output.ndim == 4 else None
    return output.flatten(1) if units is None else output.movedim(units, 1).flatten(2).mean(dim=2)


def last_linear(net: nn.Module, images_BCHW: Tensor) -> nn.Linear | None:
    """The linear layer that runs last, None without one. The net's mode and buffers are not kept."""
    return next(iter(_last_inputs(net, images_BCHW)), None)


@contextmanager
def overheard(layer: nn.Module) -> Iterator[list[Tensor]]:
    """What the layer sees of each batch that others run within, as one vector an image, on its device."""
    vectors: list[Tensor] = []
    with inputs_watched([layer], lambda layer, seen: vectors.append(_vectors(seen.detach().clone()))):
        yield vectors


def _before_the_last_linear(net: nn.Module, images_BCHW: Tensor) -> Tensor:
    seen = next(iter(_last_inputs(net, images_BCHW).values()), None)
    if seen is None or len(seen) != len(images_BCHW):
        raise UserError(
            f"{type(net).__name__} has no method embed, and no linear layer that sees one vector an image. "
            "Name a layer: layer=<name>."
        )
    return _vectors(seen)


def _last_inputs(net: nn.Module, images_BCHW: Tensor) -> dict[nn.Linear, Tensor]:
    """What the last linear layer sees, by that layer; empty without one."""
    last: dict[nn.Linear, Tensor] = {}

    def see(layer: nn.Linear, seen: Tensor) -> None:
        last.clear()
        last[layer] = seen.detach().clone()  # a residual in place would change it

    with inputs_watched([module for module in net.modules() if isinstance(module, nn.Linear)], see):
        net(images_BCHW)
    return last


def _vectors(seen: Tensor) -> Tensor:
    return seen.flatten(1) if seen.ndim < 3 else seen.mean(dim=tuple(range(1, seen.ndim - 1)))
