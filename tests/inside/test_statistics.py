"""Statistics of layers' outputs, by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pellucid.inside.statistics import activity, measured
from tests.inside.looked import IMAGE, MAPS, in_place_net


def test_statistics_are_measured_before_an_in_place_activation() -> None:
    net = in_place_net()
    with measured(net, ["0", "1"]) as found, torch.no_grad():
        net(IMAGE)
    assert found["0"].mean == pytest.approx(float(MAPS.mean()))
    assert found["0"].dead == 0
    assert found["1"].mean == pytest.approx(1.0)
    assert found["1"].dead == 0.5, "map 0 is never above 0"
    assert found["1"].units == 2


def test_activity_of_vectors_maps_and_sequences() -> None:
    vectors = torch.tensor([[0.0, 1, 5], [0, 3, 5]])
    assert activity(vectors, last=False).dead == pytest.approx(2 / 3)
    assert activity(vectors, last=False).std == pytest.approx(float(vectors.std(correction=0)))
    maps = torch.zeros(2, 4, 3, 3)
    maps[1, 2, 0, 0] = 1
    assert activity(maps, last=False).dead == 0.75
    tokens = torch.zeros(2, 7, 4)
    tokens[0, 3, 1] = 1
    found = activity(tokens, last=True)
    assert (found.dead, found.units) == (0.75, 4)
    assert len(activity(torch.rand(100, 1000), last=False).sample) <= 20_000


def test_units_are_where_the_layer_has_them() -> None:
    net = nn.Sequential(
        nn.Linear(3, 5), nn.GELU(), nn.Flatten(), nn.Linear(5 * 49, 2), nn.Unflatten(1, (2, 1))
    )
    net.append(nn.Conv1d(2, 6, 1)).append(nn.ReLU())
    with measured(net, ["0", "1", "5", "6"]) as found, torch.no_grad():
        net(torch.rand(4, 7, 7, 3))
    assert {name: one.units for name, one in found.items()} == {"0": 5, "1": 5, "5": 6, "6": 6}
