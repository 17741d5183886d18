"""What nets of other libraries share: the stages that are trained, the smallest images."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pellucid.errors import UserError
from pellucid.model.transfer import (
    LibraryNet,
    TransferClassifier,
    child_stages,
    runs,
    smallest_side,
    trained_stages,
)


class Net(TransferClassifier):
    """Two linear stages, the last of them trained, and a dropout between."""

    def __init__(self, *, trainable: str = "last_1", augmentations_per_image: int = 0) -> None:
        super().__init__(trainable=trainable, augmentations_per_image=augmentations_per_image)
        first, last = nn.Linear(4, 3), nn.Linear(3, 2)
        self.backbone = nn.Sequential(nn.Flatten(), first, nn.BatchNorm1d(3), last)
        self.head = nn.Linear(2, 2)
        self._train_only(list(last.parameters()), [last])

    def library(self) -> LibraryNet:
        return LibraryNet("torch.nn.Linear", {"in_features": 4, "out_features": 2}, ("head",), (1, 1))


def test_what_is_frozen_stays_in_evaluation_mode() -> None:
    net = Net().train()
    assert [module.training for module in net.backbone.children()] == [False, False, False, True]
    assert [p.requires_grad for p in net.parameters()] == [False] * 4 + [True] * 4
    images = torch.randn(5, 1, 2, 2)
    assert torch.equal(net(images), net.head(net.embed(images)))


def test_weights_by_the_librarys_names() -> None:
    net = Net()
    state = net.library_state()
    assert list(state) == [*net.backbone.state_dict(), "head.weight", "head.bias"]
    assert state["head.weight"].shape == (2, 2, 1, 1)
    assert torch.equal(state["head.weight"].flatten(1), net.head.weight)


def test_the_librarys_net_is_built_with_the_layers_that_differ() -> None:
    changes = {"linear1": nn.Linear(6, 2)}
    arguments = {"d_model": 6, "nhead": 2, "dim_feedforward": 4}
    net = LibraryNet("torch.nn.TransformerEncoderLayer", arguments, (), changes=changes).build()
    assert net.get_submodule("linear1").out_features == 2
    assert net.get_submodule("linear1") is not changes["linear1"]


@pytest.mark.parametrize(("trainable", "expected"), [("head", []), ("last_2", [2, 3]), ("all", [1, 2, 3])])
def test_stages_that_are_trained(trainable: str, expected: list[int]) -> None:
    assert list(trained_stages([1, 2, 3], trainable)) == expected


@pytest.mark.parametrize("trainable", ["last_4", "last_0", "tail"])
def test_other_words_are_told(trainable: str) -> None:
    with pytest.raises(UserError, match=rf"model\.trainable={trainable}: .* N from 1 to 3"):
        trained_stages([1, 2, 3], trainable)


@pytest.mark.parametrize(("augmentations", "trainable"), [(-1, "head"), (2, "all")])
def test_augmentations_without_effect_are_refused(augmentations: int, trainable: str) -> None:
    with pytest.raises(UserError, match=rf"model\.augmentations_per_image={augmentations}"):
        Net(trainable=trainable, augmentations_per_image=augmentations)


def test_a_bare_norm_belongs_to_the_stage_before_it() -> None:
    blocks = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2), nn.ReLU(), nn.Linear(2, 2))
    net = nn.ModuleDict({"stem": nn.Linear(2, 2), "stages": blocks})
    assert [len(stage) for stage in child_stages(net, {"stages"})] == [1, 2, 1]
    assert [len(stage) for stage in child_stages(net, ())] == [1, 1]


def test_the_smallest_side() -> None:
    asked: list[int] = []

    def accepts(side: int) -> bool:
        asked.append(side)
        return side >= 75

    assert smallest_side(accepts, 32, 512) == 75
    assert len(asked) <= 9, "by halving"
    net = nn.Sequential(nn.Flatten(), nn.Linear(25, 2))
    assert runs(net, (1, 5, 5))
    assert not runs(net, (1, 4, 5))
