"""Which layers an option means: auto of nets by hand, names, and what is told of a wrong one."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pellucid.errors import UserError
from pellucid.inside.layers import (
    MAX_LAYERS,
    convolutions_with_maps,
    find_layers,
    layers_of_kind,
    layers_with_units,
    select_layers,
)
from pellucid.inside.representations import select_layers_of
from pellucid.inside.trace import traced
from pellucid.metrics.spread import evenly_spread
from tests.inside.looked import in_place_net


def test_layers_by_kind_and_by_name() -> None:
    net = in_place_net()
    assert layers_of_kind(net, nn.Conv2d) == ["0"]
    assert layers_with_units(net) == ["0", "1"]
    assert select_layers(net, ["0"]) == ["0"]
    assert select_layers(net, ["0"], ["1", "0"]) == ["1", "0"], "as typed, of whatever kind"
    assert select_layers(nn.Linear(1, 1), layers_of_kind(nn.Linear(1, 1), nn.Conv2d), limit=MAX_LAYERS) == []
    with pytest.raises(UserError, match="names none"):
        select_layers(net, ["0"], [])
    with pytest.raises(UserError, match="expected auto or a list"):
        select_layers(net, ["0"], None)  # type: ignore[arg-type]
    for wrong in ("2", ""):
        with pytest.raises(UserError, match="no layer named"):
            find_layers(net, [wrong])


def test_auto_takes_the_first_the_middle_and_the_last() -> None:
    deep = nn.Sequential(*(nn.Conv2d(1, 1, 1) for _ in range(6)))
    assert select_layers(deep, layers_of_kind(deep, nn.Conv2d), limit=MAX_LAYERS) == ["0", "2", "5"]
    for count in range(1, 200):
        names = [str(index) for index in range(count)]
        few = [names[index] for index in sorted({0, (count - 1) // 2, count - 1})]
        assert select_layers(deep, names, limit=MAX_LAYERS) == few
        assert select_layers(deep, names) == names
        assert select_layers(deep, names, limit=24) == [names[index] for index in evenly_spread(count, 24)]


def test_auto_passes_over_maps_of_a_single_pixel_unless_all_are() -> None:
    net = nn.Sequential(nn.Conv2d(1, 1, 2), nn.Conv2d(1, 1, 2), nn.Conv2d(1, 1, 2))
    assert convolutions_with_maps(traced(net, torch.rand(1, 1, 4, 4))) == ["0", "1"]
    assert convolutions_with_maps(traced(net[:1], torch.rand(1, 1, 2, 2))) == ["0"]


def test_auto_spreads_over_a_deep_net_and_a_name_may_be_of_one_alone() -> None:
    deep, small = nn.Sequential(*(nn.Linear(1, 1) for _ in range(47))), nn.Sequential(nn.Linear(1, 1))
    auto, all_of_it = select_layers_of([deep, small], "auto")
    assert (len(auto), auto[0], auto[1], auto[-1], all_of_it) == (24, "0", "2", "46", ["0"])
    assert select_layers_of([deep, small], ["0", "46", "0"]) == [["0", "46"], ["0"]]
    with pytest.raises(UserError, match="no layer named '47'"):
        select_layers_of([deep, small], ["47"])
    with pytest.raises(UserError, match="names none"):
        select_layers_of([deep], [])
