"""What layers give is what they gave, before anything behind them changed it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pellucid.errors import UserError
from pellucid.inside.capture import captured, choose_layers, convolutions, find_layers
from pellucid.inside.preserve_state import preserve_state, unwrap_compiled
from pellucid.inside.reference import choose_points, choose_reference_images
from pellucid.inside.statistics import activity, layers_with_units, measured


def in_place_net() -> nn.Sequential:
    """One convolution by hand, then a ReLU that overwrites its output."""
    net = nn.Sequential(nn.Conv2d(1, 2, 2, bias=False), nn.ReLU(inplace=True))
    with torch.no_grad():
        next(net.parameters()).copy_(torch.tensor([[[[1.0, 0], [0, -1]]], [[[0.0, 2], [-1, 0]]]]))
    return net


IMAGE = torch.tensor([[[[1.0, 2, 3], [4, 5, 6], [7, 8, 10]]]])
# Map 0 is top left minus bottom right, map 1 twice top right minus bottom left.
MAPS = torch.tensor([[[[-4.0, -4], [-4, -5]], [[0, 1], [3, 4]]]])


def test_maps_by_hand_before_an_in_place_activation() -> None:
    net = in_place_net()
    with captured(net, ["0", "1"]) as outputs, torch.no_grad():
        net(IMAGE)
    assert torch.equal(outputs["0"], MAPS)
    assert torch.equal(outputs["1"], MAPS.relu())


def test_statistics_are_measured_before_an_in_place_activation() -> None:
    net = in_place_net()
    with measured(net, ["0", "1"]) as found, torch.no_grad():
        net(IMAGE)
    assert found["0"].mean == pytest.approx(float(MAPS.mean()))
    assert found["0"].dead == 0
    assert found["1"].mean == pytest.approx(1.0)
    assert found["1"].dead == 0.5, "map 0 is never above 0"
    assert found["1"].units == 2


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


def test_probes_are_balanced_nested_and_fixed() -> None:
    labels = torch.tensor([0] * 50 + [1] * 3 + [2] * 20)
    twelve = choose_reference_images(labels, 12, seed=0)
    assert torch.equal(twelve, choose_reference_images(labels, 12, seed=0))
    assert not torch.equal(twelve, choose_reference_images(labels, 12, seed=1))
    assert torch.bincount(labels[twelve]).tolist() in ([5, 3, 4], [4, 3, 5])
    assert labels[twelve].tolist() == sorted(labels[twelve].tolist())
    assert set(choose_reference_images(labels, 5, seed=0).tolist()) < set(twelve.tolist())
    assert sorted(choose_reference_images(labels, 1000, seed=0).tolist()) == list(range(73))
    assert len(choose_reference_images(labels, 1, seed=0)) == 1


def test_points_are_fixed_and_few_enough() -> None:
    assert choose_points(5, 10, seed=0).tolist() == [0, 1, 2, 3, 4]
    some = choose_points(1000, 10, seed=0)
    assert len(set(some.tolist())) == 10
    assert torch.equal(some, choose_points(1000, 10, seed=0))
