"""Groups of parameters, counted by hand: of our nets, torchvision's and timm's, and of a user's loss."""

from __future__ import annotations

import importlib.util
from functools import partial
from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn
from torch.optim import SGD, Adam, AdamW, Rprop

from pellucid.errors import UserError
from pellucid.model.cnn import CNN
from pellucid.optimizer.muon import Muon
from pellucid.task.parameter_groups import (
    Group,
    GroupedOptimizer,
    ParameterGroups,
    as_options,
    layers_of,
    told,
)
from tests.engine.runs import run
from tests.helpers import same, weights
from tests.task.nets import classification

timm = pytest.mark.skipif(importlib.util.find_spec("timm") is None, reason="timm is not installed")


def small_cnn() -> CNN:
    return CNN(image_shape=(1, 8, 8), num_classes=10, channels=[4, 8], hidden=[16])


def meta(make: object, *args: object) -> nn.Module:
    with torch.device("meta"):
        net: nn.Module = make(*args)  # type: ignore[operator]
    return net


def layer_count(net: nn.Module) -> int:
    numbers = set(layers_of(net).values())
    assert numbers == set(range(len(numbers)))
    return len(numbers)


def counts(groups: list[Group]) -> list[tuple[float, bool, int]]:
    return [(round(group.scale, 6), group.decayed, group.count) for group in groups]


def test_weights_and_the_rest_of_a_cnn() -> None:
    """4·9 + 8·4·9 + 16·8·1 + 10·16 weights of layers; biases, and two numbers a channel of each norm."""
    decayed, spared = ParameterGroups(weight_decay="weights").split(small_cnn())
    assert decayed.count == 36 + 288 + 128 + 160
    assert spared.count == (4 + 8 + 16 + 10) + 2 * (4 + 8)
    assert (decayed.decayed, spared.decayed) == (True, False)


def test_the_backbone_at_a_tenth_of_the_head() -> None:
    head, rest = ParameterGroups(backbone=0.1).split(small_cnn())
    assert counts([head, rest]) == [(1.0, True, 170), (0.1, True, 36 + 288 + 128 + 28 + 24)]


def test_each_layer_at_half_of_the_next_one() -> None:
    groups = ParameterGroups(layer_decay=0.5).split(small_cnn())
    assert counts(groups) == [(1.0, True, 170), (0.5, True, 144), (0.25, True, 312), (0.125, True, 48)]


def test_resnet18_has_a_stem_eight_blocks_and_a_head() -> None:
    net = meta(torchvision.models.resnet18)
    assert layer_count(net) == 10
    groups = ParameterGroups(weight_decay="weights", layer_decay=0.5).split(net)
    assert len(groups) == 20
    assert counts(groups)[:2] == [(1.0, True, 512_000), (1.0, False, 1000)]
    assert counts(groups)[-2:] == [(round(0.5**9, 6), True, 64 * 3 * 49), (round(0.5**9, 6), False, 128)]
    assert sum(group.count for group in groups) == 11_689_512


def test_a_vision_transformer_of_torchvision() -> None:
    net = meta(torchvision.models.vit_b_16)
    assert layer_count(net) == 14
    numbers = layers_of(net)
    assert {numbers[name] for name in ("class_token", "conv_proj.weight", "encoder.pos_embedding")} == {0}
    decayed, spared = ParameterGroups(weight_decay="weights").split(net)
    matrices = 768 * 3 * 256 + 12 * (4 + 8) * 768**2 + 768 * 1000
    assert decayed.count == matrices
    assert spared.count == 86_567_656 - matrices


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("mobilenet_v2", 20),
        ("convnext_tiny", 23),
        ("efficientnet_b0", 19),
        ("swin_t", 17),
        ("densenet121", 63),
    ],
)
def test_layers_of_torchvisions_nets(name: str, layers: int) -> None:
    """Each has its stem, its blocks, what is between stages, and its head."""
    assert layer_count(meta(torchvision.models.get_model, name)) == layers


@timm
@pytest.mark.parametrize(
    "arch", ["resnet18", "vit_tiny_patch16_224", "convnext_atto", "swin_tiny_patch4_window7_224"]
)
def test_timms_nets_are_grouped_as_timm_does(arch: str) -> None:
    import timm as library
    from timm.optim import param_groups_layer_decay  # type: ignore[attr-defined]

    net = meta(library.create_model, arch)
    spared = net.no_weight_decay() if hasattr(net, "no_weight_decay") else ()  # type: ignore[operator]
    theirs = param_groups_layer_decay(net, 0.05, spared, layer_decay=0.7)
    expected = {
        id(parameter): (round(group["lr_scale"], 9), group["weight_decay"] > 0)
        for group in theirs
        for parameter in group["params"]
    }
    ours = ParameterGroups(weight_decay="weights", layer_decay=0.7).split(net)
    found = {id(p): (round(group.scale, 9), group.decayed) for group in ours for p in group.parameters}
    assert found == expected
    assert len(found) > 50


@timm
def test_a_net_of_timm_behind_a_head_of_ours() -> None:
    from pellucid.model.timm import TimmClassifier

    net = TimmClassifier(image_shape=(3, 32, 32), num_classes=7, arch="resnet18", weights="none")
    assert layer_count(net) == 10
    head, *_, stem = ParameterGroups(layer_decay=0.5).split(net)
    assert (head.count, stem.scale) == (512 * 7 + 7, 0.5**9)


def test_frozen_parameters_are_in_no_group() -> None:
    net = small_cnn()
    net.features.requires_grad_(False)
    assert sum(group.count for group in ParameterGroups(layer_decay=0.5).split(net)) == 170 + 144


def test_parameters_of_a_loss_go_with_the_head() -> None:
    centres = nn.Parameter(torch.zeros(10, 3))
    head, _ = ParameterGroups(backbone=0.5).split(small_cnn(), [centres])
    assert head.count == 170 + 30
    assert any(parameter is centres for parameter in head.parameters)


def test_the_optimizer_has_them() -> None:
    task = classification(nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.Linear(3, 2)))
    groups = ParameterGroups(weight_decay="weights", backbone=0.1)
    task.make_optimizer = GroupedOptimizer.wrap(partial(AdamW, lr=0.01, weight_decay=0.2), groups)
    optimizer = task.configure_optimizers()
    assert isinstance(optimizer, AdamW)
    options = [(group["lr"], group["weight_decay"], group["fused"]) for group in optimizer.param_groups]
    assert options == [(0.01, 0.2, True), (0.01, 0.0, True), (0.001, 0.2, True), (0.001, 0.0, True)]
    assert task.told_groups() == (
        "Parameters in 4 groups: 6 at lr 0.01, 2 at lr 0.01 without weight decay, 12 at lr 0.001, "
        "3 at lr 0.001 without weight decay."
    )
    task.make_optimizer = partial(Adam)
    assert task.told_groups() == ""


def test_rates_and_decays_that_the_class_has() -> None:
    groups = ParameterGroups(weight_decay="weights", layer_decay=0.5).split(small_cnn())
    assert as_options(groups, SGD)[2]["lr"] == 0.0005
    assert not any("weight_decay" in option for option in as_options(groups, Rprop))
    assert "weight_decay is 0, so there is none to leave out" in told(groups, Adam)
    said = told(groups, AdamW)
    assert said.startswith("Parameters in 8 groups: 674 at lr 0.001 (the last layer) to 0.000125 (the first)")
    assert "62 of them without weight decay" in said


def test_muon_leaves_the_head_to_adamw() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 8), nn.LayerNorm(8), nn.Linear(8, 8), nn.Linear(8, 2))
    task = classification(net)
    task.make_optimizer = partial(Muon, lr=0.01)
    optimizer = task.configure_optimizers()
    assert isinstance(optimizer, Muon)
    of_head = [group["use_fallback"] for group in optimizer.param_groups]
    assert of_head == [True, False]
    for parameter in net.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    by_muon = {id(p) for p, state in optimizer.state.items() if "momentum_buffer" in state}
    named = {name for name, parameter in net.named_parameters() if id(parameter) in by_muon}
    assert named == {"1.weight", "3.weight"}
    assert task.told_groups() == (
        "Parameters in 2 groups: 18 at lr 0.01 by AdamW, 128 at lr 0.01 (32 of them by AdamW)."
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"backbone": 0},
            r"optimizer\.groups\.backbone=0: expected a share of the learning rate, above 0 to 1",
        ),
        ({"layer_decay": 1.5}, r"optimizer\.groups\.layer_decay=1\.5"),
        ({"weight_decay": "none"}, r"weight_decay=none: expected all or weights"),
    ],
)
def test_what_is_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(UserError, match=message):
        ParameterGroups(**options)  # type: ignore[arg-type]


def test_one_group_is_as_without(tmp_path: Path) -> None:
    line = ["model=dnn", "recipe=plain", "optimizer=adamw", "trainer.max_epochs=1"]
    run(tmp_path / "plain", *line)
    run(tmp_path / "groups", *line, "+optimizer.groups.weight_decay=all")
    run(tmp_path / "spared", *line, "+optimizer.groups.weight_decay=weights")
    assert same(weights(tmp_path / "plain"), weights(tmp_path / "groups"))
    assert not same(weights(tmp_path / "plain"), weights(tmp_path / "spared"))
