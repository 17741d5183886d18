"""Statistics of layers' outputs, by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pellucid.inside.statistics import activity, combined, measured
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
    assert len(activity(torch.rand(100, 1000), last=False).sample_S) <= 20_000


def test_the_activity_of_parts_is_that_of_the_whole() -> None:
    values = 1000 + torch.rand(6, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    values[:, 1] = 7
    values[3:, 2] = 8
    values[:3, 2] = 9
    whole, parts = (
        activity(values, last=False),
        [activity(part, last=False) for part in torch.split(values, 4)],
    )
    found = combined(parts)
    assert (found.count, found.units) == (whole.count, 3)
    assert found.dead == pytest.approx(1 / 3)
    assert parts[0].dead == pytest.approx(1 / 3), "one more is dead in the second part alone"
    assert parts[1].dead == pytest.approx(2 / 3)
    for one in (whole, found):
        assert one.mean == pytest.approx(float(values.double().mean()))
        assert one.std == pytest.approx(float(values.double().std(correction=0)))
    assert torch.equal(found.sample_S, values.flatten())
    assert activity(torch.full((4, 2), 0.1), last=False).std == 0


def test_units_are_where_the_layer_has_them() -> None:
    net = nn.Sequential(
        nn.Linear(3, 5), nn.GELU(), nn.Flatten(), nn.Linear(5 * 49, 2), nn.Unflatten(1, (2, 1))
    )
    net.append(nn.Conv1d(2, 6, 1)).append(nn.ReLU())
    with measured(net, ["0", "1", "5", "6"]) as found, torch.no_grad():
        net(torch.rand(4, 7, 7, 3))
    assert {name: one.units for name, one in found.items()} == {"0": 5, "1": 5, "5": 6, "6": 6}
