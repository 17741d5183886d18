"""The net in a module."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torchmetrics.classification import MulticlassAccuracy

from pellucid.discovery.net import candidates, named_net
from pellucid.errors import UserError


class Forward(LightningModule):
    def __init__(self, **children: nn.Module) -> None:
        super().__init__()
        for name, child in children.items():
            self.add_module(name, child)

    def forward(self, images: Tensor) -> Tensor:
        return images


class Silent(Forward):
    """Without a forward of its own."""

    forward = LightningModule.forward


def net() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 1, 1))


@pytest.mark.parametrize(
    ("module", "names"),
    [
        (Forward(net=net()), ["", "net"]),
        (Silent(net=net()), ["net"]),
        (Silent(net=net(), loss=nn.CrossEntropyLoss(torch.ones(2))), ["net"]),
        (Silent(net=net(), accuracy=MulticlassAccuracy(2)), ["net"]),
        (Silent(net=net(), pool=nn.MaxPool2d(2)), ["net"]),
        (Forward(encoder=net(), decoder=net()), [""]),
        (Silent(encoder=net(), decoder=net()), []),
        (Silent(), []),
        (net(), ["", "0"]),
    ],
)
def test_candidates(module: nn.Module, names: list[str]) -> None:
    found = dict(candidates(module))
    assert list(found) == names
    for name, candidate in found.items():
        assert candidate is module.get_submodule(name)


def test_what_is_pinned_is_the_only_one() -> None:
    module = Silent(encoder=net(), decoder=net())
    assert list(candidates(module, "encoder.0")) == [("encoder.0", module.get_submodule("encoder.0"))]
    other = net()
    assert list(candidates(module, other)) == [("net=…", other)]


@pytest.mark.parametrize("name", ["encode", "", "encoder.1"])
def test_a_name_that_there_is_not_is_told(name: str) -> None:
    module = Silent(encoder=net(), decoder=net())
    with pytest.raises(UserError, match=f"net={name}: Silent has no module of that name"):
        named_net(module, name)
    with pytest.raises(UserError, match="no module of that name"):
        list(candidates(module, name))


def test_a_compiled_child_is_given_as_it_is_called() -> None:
    compiled: Any = torch.compile(net(), backend="eager")
    assert list(candidates(Silent(net=compiled))) == [("net", compiled)]
