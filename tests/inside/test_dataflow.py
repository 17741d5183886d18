"""The parts of a net and which takes from which, by hand, and the net left as it was."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import Tensor, nn

from pellucid.inside.dataflow import trace_dataflow


class Branches(nn.Module):
    """Two ways that are joined, and what is in no layer."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Conv2d(1, 2, 1), nn.Sequential(nn.Conv2d(1, 3, 1), nn.Dropout(0.5))
        self.head = nn.Linear(5 * 4, 2)

    def forward(self, images: Tensor) -> Tensor:
        joined = torch.cat([self.left(images), self.right(images)], 1)
        result: Tensor = self.head(joined.relu().flatten(1))
        return result


def test_branches() -> None:
    parts = trace_dataflow(Branches(), (1, 2, 2), 1)
    assert [(part.name, part.kind, part.output, part.sources) for part in parts] == [
        ("left", "Conv2d", (2, 2, 2), []),
        ("right", "Sequential", (3, 2, 2), []),
        ("cat", "cat", (5, 2, 2), [0, 1]),
        ("relu", "relu", (5, 2, 2), [2]),
        ("head", "Linear", (2,), [3]),
    ]
    assert [part.parameters for part in parts] == [4, 6, 0, 0, 42]
    deeper = [part.name for part in trace_dataflow(Branches(), (1, 2, 2), 2)]
    assert deeper == ["left", "right.0", "right.1", "cat", "relu", "head"]


def test_sums_in_place_of_a_residual_net() -> None:
    parts = trace_dataflow(torchvision.models.resnet18(), (3, 32, 32), 3)
    names = [part.name for part in parts]
    sums = {part.name: [names[source] for source in part.sources] for part in parts if part.kind == "add"}
    assert len(sums) == 8
    assert sums["layer1.0.add"] == ["layer1.0.bn2", "maxpool"]
    assert sums["layer2.0.add"] == ["layer2.0.bn2", "layer2.0.downsample"]
    assert sum(part.parameters for part in parts) == 11_689_512


def test_the_net_is_left_as_it_was() -> None:
    net = torchvision.models.resnet18().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    with pytest.raises(RuntimeError):
        trace_dataflow(net, (5, 32, 32), 2)
    trace_dataflow(net, (3, 32, 32), 2)
    assert net.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
