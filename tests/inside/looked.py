"""Layers of small nets, as the tests of this room ask for them."""

from __future__ import annotations

import torch
from torch import nn

from pellucid.inside.trace import traced
from pellucid.inside.units import UnitLayer, find_units


def layer_of(net: nn.Module, name: str, shape: tuple[int, int, int]) -> UnitLayer:
    return find_units(traced(net, torch.randn(2, *shape)), net, name, batch=2)


def in_place_net() -> nn.Sequential:
    """One convolution by hand, then a ReLU that overwrites its output."""
    net = nn.Sequential(nn.Conv2d(1, 2, 2, bias=False), nn.ReLU(inplace=True))
    with torch.no_grad():
        next(net.parameters()).copy_(torch.tensor([[[[1.0, 0], [0, -1]]], [[[0.0, 2], [-1, 0]]]]))
    return net


IMAGE = torch.tensor([[[[1.0, 2, 3], [4, 5, 6], [7, 8, 10]]]])
# Map 0 is top left minus bottom right, map 1 twice top right minus bottom left.
MAPS = torch.tensor([[[[-4.0, -4], [-4, -5]], [[0, 1], [3, 4]]]])
