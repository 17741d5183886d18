"""What layers give of images: maps of convolutions, units of linear layers, probabilities at the end.

Axes: N images, M maps, U units, h × w pixels of a map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pellucid.errors import UserError
from pellucid.inside.layers import MAX_LAYERS, Layers, convolutions_with_maps, layers_of_kind, select_layers
from pellucid.inside.predictor import Predictor
from pellucid.inside.trace import has_maps, traced
from pellucid.metrics.spread import evenly_spread
from pellucid.view.predictions import likeliest


@dataclass(frozen=True)
class LayerOutput:
    """The output of one layer: maps (N, M, h, w) or vectors (N, U), float32; ``kind`` is its class."""

    layer: str
    kind: str
    values: np.ndarray

    def first(self, count: int, max_side: int) -> np.ndarray:
        """The first maps, averaged to at most ``max_side`` pixels a side."""
        maps = torch.from_numpy(self.values[:, :count])
        side = max(maps.shape[2:])
        if side > max_side:
            height, width = (max(1, round(length * (max_side / side))) for length in maps.shape[2:])
            maps = functional.adaptive_avg_pool2d(maps, (height, width))
        array: np.ndarray = maps.numpy()
        return array


@dataclass(frozen=True)
class ForwardPass:
    """Some of the ``total`` layers in their order, and for each image its likeliest (class or label,
    probability).
    """

    layers: Sequence[LayerOutput]
    total: int
    likeliest: Sequence[Sequence[tuple[str, float]]]


def mapped_layers(predictor: Predictor, layers: Layers) -> list[str]:
    """Names of the chosen layers, of which each gives maps. Raises UserError for one that does not."""
    trace = traced(predictor.net, predictor.black().to(predictor.dtype))
    names = select_layers(predictor.net, convolutions_with_maps(trace), layers, limit=MAX_LAYERS)
    for layer in names:
        if not has_maps(trace, layer):
            shape = trace.shapes.get(layer)
            gives = f"gives {shape}" if shape else "gives no tensor"
            raise UserError(f"layers: {layer} {gives}. Expected maps, one image's channels × height × width.")
    return names


def feature_maps(predictor: Predictor, inputs_NCHW: Tensor, layers: Sequence[str]) -> list[LayerOutput]:
    """The maps of each of those layers."""
    outputs, _ = predictor.outputs(inputs_NCHW, layers)
    kinds = dict(predictor.net.named_modules())
    return [LayerOutput(name, type(kinds[name]).__name__, outputs[name].numpy()) for name in layers]


def forward_pass(
    predictor: Predictor, inputs_NCHW: Tensor, *, max_layers: int, max_classes: int
) -> ForwardPass | None:
    """Images through convolutions and linear layers, evenly spread; None where none gives maps or vectors."""
    net = predictor.net
    names = layers_of_kind(net, nn.Conv2d, nn.Linear)
    kinds = {name: type(net.get_submodule(name)).__name__ for name in names}
    outputs, output = predictor.outputs(inputs_NCHW, names)
    layer_outputs = [
        LayerOutput(name, kinds[name], values.numpy())
        for name, values in outputs.items()
        if len(values) == len(inputs_NCHW) and values.ndim in ((2, 4) if kinds[name][:4] == "Conv" else (2,))
    ]
    if not layer_outputs:
        return None
    values = predictor.interpret(inputs_NCHW, output, None)
    shares = values.get("probabilities", values.get("scores"))
    return ForwardPass(
        layers=[layer_outputs[index] for index in evenly_spread(len(layer_outputs), max_layers)],
        total=len(layer_outputs),
        likeliest=[] if shares is None else likeliest(shares, predictor.spec.classes, max_classes),
    )
