"""What a layer of a net makes of images: one vector an image."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn

from pellucid.errors import UserError
from pellucid.inside.hooks import captured
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


def _before_the_last_linear(net: nn.Module, images_BCHW: Tensor) -> Tensor:
    seen: list[Tensor] = []

    def see(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        seen[:] = [value.detach().clone() for value in inputs[:1]]  # a residual in place would change it

    handles = [
        module.register_forward_pre_hook(see) for module in net.modules() if isinstance(module, nn.Linear)
    ]
    try:
        net(images_BCHW)
    finally:
        for handle in handles:
            handle.remove()
    if not seen or len(seen[0]) != len(images_BCHW):
        raise UserError(
            f"{type(net).__name__} has no method embed, and no linear layer that sees one vector an image. "
            "Name a layer: layer=<name>."
        )
    vectors = seen[0]
    return vectors.flatten(1) if vectors.ndim < 3 else vectors.mean(dim=tuple(range(1, vectors.ndim - 1)))
