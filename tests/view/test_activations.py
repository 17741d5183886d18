"""Activations, weights and gradients by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from pellucid.inside.images import Images
from pellucid.inside.predictor import Predictor
from pellucid.view.activations import activations, gradient_norms


def test_states_of_layers(make_predictor: Callable[[nn.Module], Predictor]) -> None:
    net = nn.Sequential(nn.Flatten(), linear := nn.Linear(4, 2, bias=False), nn.ReLU())
    linear.weight.data = torch.tensor([[1.0, 0, 0, 0], [-1, 0, 0, 0]])
    pixels_BCHW = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 1, 2, 2)
    images = Images(pixels_BCHW, torch.tensor([0, 1]), ["a", "b"], ["cat", "dog"])
    found = activations(make_predictor(net), images, ["1", "2"])
    given, relu = found.activity["1"], found.activity["2"]
    assert (given.mean, given.dead, given.units) == (0.0, 0.0, 2)
    assert given.std == pytest.approx(0.5**0.5)
    assert (relu.mean, relu.dead) == (0.25, 0.5), "what is below 0 is cut: the second unit is dead"
    assert list(found.weights) == ["1"]
    assert (found.weights["1"].mean, found.weights["1"].std) == (0.0, 0.5)
    assert gradient_norms(net, ["1", "2"]) == {}
    net(torch.tensor([[[[0.0, 3.0], [4.0, 0.0]]], [[[1.0, 0.0], [0.0, 0.0]]]]))[1, 0].backward()
    assert gradient_norms(net, ["1", "2"]) == {"1": torch.tensor(1.0)}
