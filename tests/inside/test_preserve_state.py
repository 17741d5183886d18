"""Within a look a net is as it is evaluated; after it, as it was."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pellucid.inside.hooks import captured
from pellucid.inside.preserve_state import preserve_state, unwrap_compiled
from tests.inside.looked import IMAGE, MAPS, in_place_net


def refuse(graph: object, inputs: object) -> Callable[..., object]:
    raise AssertionError("compiled")


def test_a_compiled_net_is_looked_at_as_it_was_written() -> None:
    net = in_place_net()
    compiled = torch.compile(net, backend=refuse)
    assert unwrap_compiled(compiled) is net  # type: ignore[arg-type]
    with preserve_state(compiled) as plain, captured(plain, ["0"]) as outputs, torch.no_grad():  # type: ignore[arg-type]
        plain(IMAGE)
    assert torch.equal(outputs["0"], MAPS)


def test_within_a_look_the_net_is_evaluated_and_may_be_differentiated() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Dropout(0.5))
    net[1].eval()
    with torch.inference_mode(), preserve_state(net):
        assert not any(module.training for module in net.modules())
        assert torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()
        with torch.no_grad():
            net[1](torch.rand(3, 2))
    assert [module.training for module in net.modules()] == [True, True, False, True]


def test_a_buffer_that_was_made_as_the_net_was_tested() -> None:
    """As ConViT keeps the places of its patches, which it makes at the first images."""
    net = nn.Module()
    with torch.inference_mode():
        places = torch.arange(3.0)
    net.register_buffer("places", places)
    with preserve_state(net), torch.inference_mode():
        places.zero_()
    assert net.places is places
    assert places.tolist() == [0, 1, 2]
    with torch.inference_mode(), preserve_state(net):
        pass


def test_a_buffer_that_the_net_replaces_is_put_back() -> None:
    class Counts(nn.Module):
        runs: Tensor
        last: Tensor | None

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("runs", torch.zeros(1))
            self.register_buffer("last", None)

        def forward(self, images: Tensor) -> Tensor:
            self.runs = self.runs + 1
            self.last = images
            return images

    net = Counts()
    before = net.runs
    with preserve_state(net):
        net(torch.rand(2))
    assert net.runs is before
    assert net.runs.item() == 0
    assert net.last is None
