"""Which layers of a net run, in which order, and what each of them gives.

Axes: B images, U units.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.inside.preserve_state import preserve_state

WEIGHTED = (nn.Linear, nn.modules.conv._ConvNd)
NORMS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm)
# What keeps units apart: each of theirs is made of the same unit before it.
APART = (
    nn.modules.batchnorm._NormBase,
    nn.modules.dropout._DropoutNd,
    nn.modules.pooling._MaxPoolNd,
    nn.modules.pooling._AvgPoolNd,
    nn.modules.pooling._AdaptiveAvgPoolNd,
    nn.modules.pooling._AdaptiveMaxPoolNd,
    nn.Identity,
)
# What torch gives maps to, (images, units, height, width), and which gives maps again.
SPATIAL = (
    *(nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d, nn.InstanceNorm2d, nn.Dropout2d),
    *(nn.MaxPool2d, nn.AvgPool2d, nn.LPPool2d, nn.FractionalMaxPool2d, nn.MaxUnpool2d),
    *(nn.AdaptiveMaxPool2d, nn.AdaptiveAvgPool2d, nn.Upsample, nn.PixelShuffle, nn.PixelUnshuffle),
)


@dataclass
class Trace:
    """One run of a net. ``shapes`` are those of the last output of each module that ran, None for what is no
    tensor of real numbers; ``runs`` counts; ``leaves`` are in the order of their (last) run.

    ``makers``: the leaf whose very output a module passed on, ``turns``: in which of that leaf's runs.
    ``sources``: the leaf whose very output a leaf took. ``weighted``: the leaf with weights that ran last
    before a module was done. ``done``: the modules as they were done, since one with weights last took
    tokens: rows of numbers, (images, tokens, numbers) or with the units last.
    """

    modules: dict[str, nn.Module]
    shapes: dict[str, tuple[int, ...] | None] = field(default_factory=dict)
    runs: dict[str, int] = field(default_factory=dict)
    leaves: list[str] = field(default_factory=list)
    makers: dict[str, str] = field(default_factory=dict)
    turns: dict[str, int] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    weighted: dict[str, str] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)

    def filtering(self, name: str) -> str | None:
        """The layer whose weights make each unit of that one, through layers that keep units apart."""
        leaf = self.makers.get(name)
        while leaf is not None:
            if isinstance(self.modules[leaf], WEIGHTED):
                return leaf
            if not (isinstance(self.modules[leaf], APART) or is_activation(self.modules[leaf])):
                return None
            leaf = self.sources.get(leaf)
        return None

    def activated(self, name: str) -> str:
        """The activation that follows a layer, behind no more than a norm, dropout or a sum; or the layer."""
        for leaf in self.leaves[self.leaves.index(name) + 1 :]:
            if is_activation(self.modules[leaf]) and self.shapes[leaf] == self.shapes[name]:
                return leaf
            if not isinstance(self.modules[leaf], (*NORMS, nn.modules.dropout._DropoutNd, nn.Identity)):
                break
        return name

    def first_weighted(self) -> str | None:
        """The first layer with a filter."""
        return next((leaf for leaf in self.leaves if isinstance(self.modules[leaf], WEIGHTED)), None)


def traced(net: nn.Module, images_BCHW: Tensor) -> Trace:
    """How the net runs on those images. It is left as it was."""
    with preserve_state(net) as plain, torch.no_grad():
        trace = Trace(dict(plain.named_modules()))
        handles = list(_watch(trace))
        try:
            plain(images_BCHW)
        finally:
            for handle in handles:
                handle.remove()
    return trace


def is_activation(module: nn.Module) -> bool:
    """Whether it is one of torch's activations, which has no layers within."""
    return type(module).__module__ == nn.modules.activation.__name__ and not list(module.children())


def _watch(trace: Trace) -> Iterator[Any]:
    alive: list[Any] = []  # so that no tensor takes the place in memory of another
    maker_of: dict[tuple[int, int], str] = {}
    weighted: list[str] = []

    def see(name: str, leaf: bool) -> Any:
        def look(module: nn.Module, inputs: Any) -> None:
            if leaf:
                _pass_on(trace.sources, name, maker_of.get(_state(inputs[0])) if inputs else None)
            if module._parameters and any(_are_tokens(given, module) for given in inputs):
                trace.done.clear()

        return look

    def watcher(name: str, leaf: bool) -> Any:
        def watch(module: nn.Module, inputs: Any, output: Any) -> None:
            trace.runs[name] = trace.runs.get(name, 0) + 1
            real = isinstance(output, Tensor) and output.is_floating_point()
            trace.shapes[name] = tuple(output.shape) if real else None
            trace.done.append(name)
            alive.append((inputs, output))
            if leaf:
                trace.leaves = [*(leaf_name for leaf_name in trace.leaves if leaf_name != name), name]
                maker_of[_state(output)] = name
                if isinstance(module, (*WEIGHTED, *NORMS)):
                    weighted.append(name)
            _pass_on(trace.makers, name, maker_of.get(_state(output)))
            trace.turns[name] = trace.runs.get(maker_of.get(_state(output), ""), 0)
            _pass_on(trace.weighted, name, weighted[-1] if weighted else None)

        return watch

    for name, module in trace.modules.items():
        leaf = not list(module.children())
        yield module.register_forward_pre_hook(see(name, leaf))
        yield module.register_forward_hook(watcher(name, leaf))


def _are_tokens(value: Any, module: nn.Module) -> bool:
    """Whether that is more than a vector, or maps of one pixel, of each image, and no maps either."""
    several = isinstance(value, Tensor) and sum(side > 1 for side in value.shape[1:]) > 1
    return several and (value.ndim == 3 or units_last(module))


def _state(value: Any) -> tuple[int, int]:
    """A tensor as it is now: what changes it in place, as a residual sum does, makes another one of it."""
    counts = isinstance(value, Tensor) and not value.is_inference()  # those of inference mode do not
    return id(value), value._version if counts else 0


def _pass_on(names: dict[str, str], name: str, value: str | None) -> None:
    names.pop(name, None)
    if value is not None:
        names[name] = value


def unit_axis(trace: Trace, name: str) -> int | None:
    """Which axis of a module's output holds its units; None where that cannot be told.

    Those of a vector are axis 1. Else axis 1 or the last, as the layer with weights that made them has it: a
    map (B, U, H, W), or (B, …, U) of a linear layer that was given more than vectors. Four axes alone make no
    maps: attention gives (images, heads, tokens, numbers).
    """
    shape = trace.shapes[name]
    if shape is None or len(shape) < 2 or 0 in shape:
        return None
    if len(shape) == 2:
        return 1
    maker = trace.weighted.get(name)
    if maker is None or isinstance(trace.modules[name], SPATIAL):
        return 1 if len(shape) == 4 else None
    last = units_last(trace.modules[maker])
    width = width_of(trace.modules[maker])
    fits = [axis for axis in ((len(shape) - 1, 1) if last else (1,)) if shape[axis] == width]
    if fits:
        return fits[0]
    maker_shape = trace.shapes[maker] or ()
    joined = len(maker_shape) == 4 and not last and shape[2:] == maker_shape[2:]
    folded = len(maker_shape) == 2 and maker_shape[0] == shape[0]  # each image's vector, as a decoder does
    return 1 if len(shape) == 4 and (joined or folded) else None


def has_maps(trace: Trace, name: str) -> bool:
    """Whether a module gives maps, (B, U, H, W), whose rows and columns are those of the image."""
    return len(trace.shapes.get(name) or ()) == 4 and unit_axis(trace, name) == 1


def units_last(module: nn.Module) -> bool:
    """Whether a layer's units are the last axis of its output, as of a linear layer; else they are axis 1."""
    rows = isinstance(module, nn.LayerNorm) and len(module.normalized_shape) == 1
    return rows or isinstance(module, nn.Linear)


def width_of(module: nn.Module) -> int:
    """How many units a layer with weights gives."""
    match module:
        case nn.Linear():
            return module.out_features
        case nn.LayerNorm():
            return int(module.normalized_shape[0])
        case nn.GroupNorm():
            return module.num_channels
        case nn.modules.batchnorm._NormBase():
            return module.num_features
        case nn.modules.conv._ConvNd():
            return module.out_channels
    raise AssertionError(type(module))
