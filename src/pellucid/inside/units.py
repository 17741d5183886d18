"""The units of a layer: channels of its maps, or components of its vectors.

Axes: B images, U units, P places of a map (1 of a vector).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from pellucid.errors import UserError, counted
from pellucid.inside.layers import find_layers
from pellucid.inside.trace import Trace, unit_axis

# Activations that a greater input never makes smaller: what maximises the one maximises the other, and the
# input has a gradient also where the activation is flat.
RISING = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.SELU, nn.CELU, nn.Softplus, nn.Hardtanh),
    *(nn.Sigmoid, nn.Hardsigmoid, nn.LogSigmoid, nn.Tanh, nn.Softsign, nn.Threshold),
)


@dataclass(frozen=True)
class UnitLayer:
    """A layer with ``units``, each a map of ``map_shape``, () of a vector; ``axis`` holds the units.

    ``filtered_by`` is the layer whose weights they are made with, None where no single one is. ``rising`` is
    the activation (and which of its runs) whose output the layer passes on, if it is one of those.
    """

    name: str
    kind: str
    axis: int
    units: int
    map_shape: tuple[int, ...]
    runs: int
    filtered_by: str | None
    rising: tuple[str, int] | None

    def outputs(self, net: nn.Module, images_BCHW: Tensor, *, rising: bool = False) -> Tensor:
        """What the units give, (B, U, P), with its gradient where that is on. The net runs no further.

        ``rising``: in place of what an activation such as ReLU gave, what it was given.
        """
        before = rising and self.rising is not None
        name, runs = self.rising if before and self.rising else (self.name, self.runs)
        with _caught(net.get_submodule(name), runs, before=before) as caught, suppress(_Reached):
            net(images_BCHW)
        return caught[0].movedim(self.axis, 1).flatten(2) if self.map_shape else caught[0][:, :, None]

    @property
    def size(self) -> str:
        """``64 units, each a map of 7 × 7``."""
        what = counted(self.units, "unit")
        if not self.map_shape:
            return what
        each = " × ".join(str(side) for side in self.map_shape)
        return f"{what}, each {'a map of' if len(self.map_shape) > 1 else 'at'} {each} places"


class _Reached(BaseException):
    """The layer has run: no more is needed. No net's own ``except Exception`` may hold it."""


@contextmanager
def _caught(module: nn.Module, runs: int, *, before: bool) -> Iterator[list[Tensor]]:
    """The module's output (``before``: its input) in the last of its runs, at which the net stops."""
    caught: list[Tensor] = []
    passes = 0

    def see(value: Any) -> None:
        nonlocal passes
        passes += 1
        if passes == runs:
            caught.append(value)
            raise _Reached

    if before:
        handle = module.register_forward_pre_hook(lambda module, inputs: see(inputs[0]))
    else:
        handle = module.register_forward_hook(lambda module, inputs, output: see(output))
    try:
        yield caught
    finally:
        handle.remove()


def find_units(trace: Trace, net: nn.Module, name: str, *, batch: int) -> UnitLayer:
    """A layer of the net, which was run on ``batch`` images. ``auto``: see ``choose_layer``.

    Raises UserError for one that is not there, that did not run, or whose output has no units.
    """
    if name == "auto":
        name = choose_layer(trace, batch)
    find_layers(net, [name])
    kind, hint = type(trace.modules[name]).__name__, "Expected a layer that gives maps or vectors"
    if name not in trace.shapes:
        raise UserError(f"layer={name}: this {kind} does not run when the net sees an image. {hint}.")
    shape, axis = trace.shapes[name], unit_axis(trace, name)
    if shape is None:
        raise UserError(f"layer={name}: this {kind} gives no tensor of real numbers. {hint}.")
    if axis is None or shape[0] != batch:
        raise UserError(
            f"layer={name}: this {kind} gives {shape} for {batch} images, which has no units that can be "
            f"told. {hint}, (images, units, height, width) or (images, units)."
        )
    map_shape = tuple(side for index, side in enumerate(shape) if index not in (0, axis))
    maker = trace.makers.get(name)
    rising = (maker, trace.turns[name]) if maker and isinstance(trace.modules[maker], RISING) else None
    return UnitLayer(
        name, kind, axis, shape[axis], map_shape, trace.runs[name], trace.filtering(name), rising
    )


def choose_layer(trace: Trace, batch: int) -> str:
    """The last convolution, or else the narrowest linear layer but the head; or the activation behind it.

    Of those alone that gave an output for each image of the ``batch``, and not for each of their heads, say.
    Raises UserError for a net that has neither.
    """
    shapes = {name: trace.shapes.get(name) for name in trace.leaves if unit_axis(trace, name) is not None}
    ran = [(name, trace.modules[name]) for name, shape in shapes.items() if shape and shape[0] == batch]
    names = [name for name, module in ran if isinstance(module, nn.Conv2d)][-1:]
    if not names:
        linear = [(module.out_features, name) for name, module in ran if isinstance(module, nn.Linear)]
        least = min((width for width, _ in linear[:-1] or linear), default=0)
        names = [name for width, name in linear[:-1] or linear if width == least][-1:]
    if not names:
        raise UserError("layer=auto: this net has no convolution and no linear layer. Give a layer's name.")
    return trace.activated(names[0])
