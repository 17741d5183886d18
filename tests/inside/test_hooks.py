"""What layers give is what they gave, before anything behind them changed it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pellucid.inside.hooks import captured
from pellucid.inside.statistics import measured
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
