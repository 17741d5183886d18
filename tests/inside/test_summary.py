"""Hand-worked shapes, parameters and floating point operations."""

from __future__ import annotations

import torch
from torch import nn

from pellucid.inside.summary import operations, summarize


def net() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4 * 36, 2)
    )


def test_by_hand() -> None:
    layers = {layer.name: layer for layer in summarize(net(), (1, 8, 8), depth=1)}
    assert layers["0"].output == (4, 6, 6)
    assert layers["0"].parameters == 36
    assert layers["0"].flops == 2 * 9 * 4 * 36, "a multiplication and an addition for each tap"
    assert layers["3"].flops == 2 * 144 * 2
    assert layers["total"].parameters == 36 + 8 + 144 * 2 + 2
    assert layers["total"].flops == layers["0"].flops + layers["3"].flops
    assert layers["total"].output == (2,)


def test_frozen_parameters_are_not_counted_as_trained() -> None:
    model = net()
    model[0].requires_grad_(False)
    layers = {layer.name: layer for layer in summarize(model, (1, 8, 8), depth=1)}
    assert layers["0"].trainable == 0
    assert layers["total"].trainable == layers["total"].parameters - 36


def test_the_net_is_left_as_it_was() -> None:
    model = net().train()
    model[1].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    summarize(model, (1, 8, 8), depth=2)
    assert [m.training for m in model] == [True, False, True, True]
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert not any(m._forward_hooks for m in model.modules())
    assert torch.equal(state, torch.get_rng_state())


def test_depth_limits_the_rows() -> None:
    model = nn.Sequential(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), nn.ReLU())
    names = [layer.name for layer in summarize(model, (1, 2, 2), depth=1)]
    assert names == ["0", "1", "total"]
    names = [layer.name for layer in summarize(model, (1, 2, 2), depth=2)]
    assert names == ["0", "0.0", "0.1", "1", "total"]


class WithToken(nn.Module):
    """A net that gives a layer a view of a parameter, as CaiT does of its class token."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.ones(1, 4))
        self.layer = nn.Linear(4, 2, bias=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = self.layer(self.token.expand(len(images), -1))
        return output


def test_a_view_of_a_parameter_is_taken_and_stays_trained() -> None:
    model = WithToken()
    assert summarize(model, (1, 2, 2), depth=1)[-1].flops == operations(model, torch.zeros(1, 1, 2, 2)) == 16
    assert all(parameter.requires_grad for parameter in model.parameters())
