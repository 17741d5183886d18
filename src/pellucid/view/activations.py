"""The state of every layer: its activations, weights and gradients."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid.inside.images import Images
from pellucid.inside.predictor import Predictor
from pellucid.inside.statistics import SAMPLE, Activity, combined, measured

MIN_IMAGES, PIXELS = 8, 2**17  # of a pass: what a layer gives for many more no longer fits a cache


@dataclass(frozen=True)
class Weight:
    """A layer's weight in float32: mean, standard deviation and the values."""

    mean: float
    std: float
    values: Tensor


@dataclass(frozen=True)
class LayerStates:
    """Of each layer that gives units what they do, and of each that has one the weight."""

    activity: Mapping[str, Activity]
    weights: Mapping[str, Weight]


def activations(predictor: Predictor, images: Images, layers: Sequence[str]) -> LayerStates:
    """What the layers do with those images: a unit is dead if it gives all of them the same value."""
    parts: dict[str, list[Activity]] = {}
    count = max(MIN_IMAGES, PIXELS // math.prod(predictor.spec.image_shape[1:]))
    for pixels_BCHW in torch.split(images.pixels_BCHW, count):
        sample = -(-SAMPLE * len(pixels_BCHW) // len(images))
        with measured(predictor.net, layers, sample) as activities:
            predictor.run(predictor.inputs(pixels_BCHW))
        for name, part in activities.items():
            parts.setdefault(name, []).append(part)
    activity = {name: combined(each) for name, each in parts.items()}
    weights = {}
    for name, weight in weights_of(predictor.net, layers).items():
        values = weight.detach().float()
        weights[name] = Weight(float(values.mean()), float(values.std(correction=0)), values)
    return LayerStates(activity, weights)


def gradient_norms(net: nn.Module, layers: Sequence[str]) -> dict[str, Tensor]:
    """The Euclidean norm of the gradient of each weight that has one, on its device."""
    weights = weights_of(net, layers)
    return {name: weight.grad.detach().norm() for name, weight in weights.items() if weight.grad is not None}


def weights_of(net: nn.Module, layers: Sequence[str]) -> dict[str, nn.Parameter]:
    """The weight of each of the layers that has one."""
    parameters = dict(net.named_parameters())
    return {name: parameters[f"{name}.weight"] for name in layers if f"{name}.weight" in parameters}
