"""The contract of frozen features, which nets of anybody's may offer."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pellucid.model.frozen import frozen_features, keeps_contract
from pellucid.task.classification import Classification
from tests.model.frozen_net import OwnFrozenNet


@pytest.mark.parametrize("broken", ["between", "trained", "mode", "shape"])
def test_a_net_that_breaks_the_contract_sees_images(broken: str) -> None:
    net = OwnFrozenNet(between=0.5 if broken == "between" else 0.0)
    images = torch.randn(2, 3, 16, 16)
    assert frozen_features(net) is net
    if broken == "trained":
        next(net.backbone.parameters()).requires_grad_(True)
    if broken == "mode":
        next(net.backbone.children()).training = True
    if broken == "shape":
        net.backbone.append(nn.Unflatten(1, (8, 2, 2)))
        net.head.insert(0, nn.Flatten())
    task = Classification(net=net, image_shape=(3, 16, 16), num_classes=2)
    assert net(images).shape == (2, 2)
    assert task.frozen_features((3, 16, 16)) is None


def test_the_contract_holds_where_the_head_alone_makes_the_output_of_the_features() -> None:
    images = torch.randn(2, 3, 16, 16)
    assert keeps_contract(OwnFrozenNet(), images)
    assert not keeps_contract(OwnFrozenNet(between=0.5), images), "something lies between them"


@pytest.mark.parametrize("part", ["backbone", "head", "augmentations_per_image", "embed"])
def test_a_net_without_one_of_the_parts_offers_no_frozen_features(part: str) -> None:
    net = OwnFrozenNet()
    assert frozen_features(net) is net
    setattr(net, part, None)
    assert frozen_features(net) is None
