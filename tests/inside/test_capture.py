"""What layers give is what they gave, before anything behind them changed it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pellucid.errors import UserError
from pellucid.inside.capture import captured, choose_layers, convolutions, find_layers
from pellucid.inside.statistics import layers_with_units, measured
from tests.inside.looked import IMAGE, MAPS, in_place_net


def test_maps_by_hand_before_an_in_place_activation() -> None:
    net = in_place_net()
    with captured(net, ["0", "1"]) as outputs, torch.no_grad():
        net(IMAGE)
    assert torch.equal(outputs["0"], MAPS)
    assert torch.equal(outputs["1"], MAPS.relu())


@pytest.mark.parametrize("context", [captured, measured])
def test_no_hook_is_left_after_an_exception(context: object) -> None:
    net = in_place_net()
    with context(net, ["0"]):  # type: ignore[operator]
        assert len(net[0]._forward_hooks) == 1
    with pytest.raises(RuntimeError), context(net, ["0"]):  # type: ignore[operator]
        net(torch.zeros(1, 3, 3, 3))  # too many channels
    assert len(net[0]._forward_hooks) == 0


def test_a_layer_that_runs_twice_shows_its_last_run() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.act = nn.ReLU()

        def forward(self, images: Tensor) -> Tensor:
            return self.act(self.act(images) - 1)  # type: ignore[no-any-return]

    with captured(Twice(), ["act"]) as outputs:
        Twice()(torch.zeros(1))
    net = Twice()
    with captured(net, ["act"]) as outputs:
        net(torch.tensor([3.0]))
    assert outputs["act"].tolist() == [2.0]


def test_layers_by_name() -> None:
    net = in_place_net()
    assert convolutions(net) == ["0"]
    assert choose_layers(net, "auto") == ["0"]
    assert choose_layers(net, ["1", "0"]) == ["1", "0"]
    assert choose_layers(nn.Linear(1, 1), "auto") == []
    assert layers_with_units(net) == ["0", "1"]
    deep = nn.Sequential(*(nn.Conv2d(1, 1, 1) for _ in range(6)))
    assert choose_layers(deep, "auto") == ["0", "2", "5"]
    one_pixel = nn.Sequential(nn.Conv2d(1, 1, 2), nn.Conv2d(1, 1, 2), nn.Conv2d(1, 1, 2))
    assert choose_layers(one_pixel, "auto", torch.rand(1, 1, 4, 4)) == ["0", "1"]
    with pytest.raises(UserError, match="names none"):
        choose_layers(net, [])
    with pytest.raises(UserError, match="expected auto or a list"):
        choose_layers(net, None)  # type: ignore[arg-type]
    for wrong in ("2", ""):
        with pytest.raises(UserError, match="no layer named"):
            find_layers(net, [wrong])
