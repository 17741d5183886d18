"""A file's weights in a net: what fits, what is told, and the head."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torchvision import models

from pellucid.errors import UserError
from pellucid.model.cnn import CNN
from pellucid.model.loading import load_weights
from pellucid.model.state_file import StateFile
from pellucid.spec import Spec
from tests.model.zoo import make


def cnn(count: int = 3) -> CNN:
    return CNN(image_shape=(1, 12, 12), num_classes=count, channels=[4, 6], hidden=[8])


def file_of(state: Mapping[str, Tensor], classes: Sequence[str] = ()) -> StateFile:
    spec = Spec((1, 12, 12), tuple(classes), (0.5,), (0.5,), "a test") if classes else None
    return StateFile(Path("x.pt"), "weights=x.pt", state, spec)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("prefix", ["", "module.", "state_dict.model._orig.", "net."])
def test_any_prefix(prefix: str, caplog: pytest.LogCaptureFixture) -> None:
    source, net = cnn(), cnn()
    beside = {"other.weight": torch.ones(1)} if prefix else {}
    load_weights(net, file_of({**{f"{prefix}{k}": v for k, v in source.state_dict().items()}, **beside}))
    assert all(torch.equal(value, net.state_dict()[key]) for key, value in source.state_dict().items())
    assert said(caplog) == []


@pytest.mark.parametrize("prefix", ["", "backbone.", "state_dict.net.backbone.", "module.encoder."])
def test_a_torchvision_net_by_its_own_names(prefix: str) -> None:
    source, net = models.resnet18(num_classes=7), make()
    load_weights(net, file_of({f"{prefix}{key}": value for key, value in source.state_dict().items()}))
    assert torch.equal(net.head.weight, source.fc.weight)
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(net.eval()(images), source.eval()(images))


class OwnNet(nn.Module):
    """Somebody's, around a net of torchvision."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = models.resnet18(num_classes=5)
        self.last = nn.Linear(5, 2)


def test_a_part_of_a_net(caplog: pytest.LogCaptureFixture) -> None:
    source, net = models.resnet18(num_classes=5), OwnNet()
    load_weights(net, file_of({f"model.{key}": value for key, value in source.state_dict().items()}))
    assert torch.equal(net.encoder.fc.weight, source.fc.weight)
    assert "Missing: last.weight, last.bias." in said(caplog)[0]


def test_what_does_not_fit_is_listed_in_a_line(caplog: pytest.LogCaptureFixture) -> None:
    state = dict(cnn().state_dict())
    del state["features.1.weight"]
    state["features.4.weight"] = torch.zeros(6, 4, 5, 5)
    state |= {f"more.{index}": torch.zeros(1) for index in range(7)}
    net = cnn()
    load_weights(net, file_of(state))
    assert said(caplog) == [
        "weights=x.pt: 16 of the net's 18 tensors are loaded. Missing: features.1.weight. Not in the net: "
        "more.0, more.1, more.2, more.3, more.4 and 2 more. Of another shape: features.4.weight "
        "6 × 4 × 5 × 5 instead of 6 × 4 × 3 × 3."
    ]
    assert torch.equal(net.get_parameter("features.0.weight"), state["features.0.weight"])
    with pytest.raises(UserError, match=r"this file does not fit CNN\. Missing: features\.1\.weight"):
        load_weights(cnn(), file_of(state), whole=True)


def test_nothing_fits() -> None:
    state = models.resnet18(num_classes=3).state_dict()
    net = cnn()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    with pytest.raises(
        UserError, match=r"nothing in this file fits CNN\. It has: conv1.*The net has: features"
    ):
        load_weights(net, file_of(state))
    with pytest.raises(UserError, match="nothing in this file fits resnet18"):
        load_weights(make(), file_of(before))
    assert all(torch.equal(value, net.state_dict()[key]) for key, value in before.items())


def test_what_is_not_trained_does_not_stay_random() -> None:
    state = dict(models.resnet18(num_classes=7).state_dict())
    del state["layer1.0.conv1.weight"]
    with pytest.raises(
        UserError, match=r"would stay random.*Missing: layer1\.0\.conv1\.weight.*trainable=all"
    ):
        load_weights(make(trainable="head"), file_of(state))
    load_weights(make(trainable="all"), file_of(state))


def test_a_head_for_other_classes_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    net = cnn()
    before = net.head.weight.clone()
    load_weights(net, file_of(cnn(10).state_dict()))
    assert torch.equal(net.head.weight, before)
    assert said(caplog) == [
        "weights=x.pt: its head for 10 classes was dropped; the new head for 3 starts at random."
    ]
    load_weights(net, file_of(cnn().state_dict(), ["cat", "dog", "owl"]), classes=["oak", "elm", "fir"])
    assert torch.equal(net.head.weight, before), "as many, but others"


def test_rows_of_the_same_classes_are_kept(caplog: pytest.LogCaptureFixture) -> None:
    source, net = cnn(), cnn(4)
    before = net.head.weight.clone()
    file = file_of(source.state_dict(), ["cat", "dog", "owl"])
    load_weights(net, file, classes=["bee", "cat", "elk", "owl"])
    assert torch.equal(net.head.weight[[1, 3]], source.head.weight[[0, 2]])
    assert torch.equal(net.head.bias[[1, 3]], source.head.bias[[0, 2]])
    assert torch.equal(net.head.weight[[0, 2]], before[[0, 2]])
    assert said(caplog) == [
        "weights=x.pt: of its head for 3 classes the rows of cat, owl are kept; those of bee, elk start at "
        "random."
    ]
    other = cnn()
    load_weights(other, file, classes=["owl", "cat", "dog"])
    assert torch.equal(other.head.weight, source.head.weight[[2, 0, 1]]), "the same ones in another order"
    load_weights(other, file, classes=["cat", "dog", "owl"])
    assert torch.equal(other.head.weight, source.head.weight)


def test_the_head_of_a_net_of_ones_own_is_its_last_layer_of_that_many(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = models.resnet18(num_classes=3)
    net = models.resnet18(num_classes=2)
    load_weights(net, file_of(source.state_dict(), ["cat", "dog", "owl"]), classes=["dog", "elk"])
    assert torch.equal(net.fc.weight[0], source.fc.weight[1])
    assert len(said(caplog)) == 1


def test_a_head_that_is_a_convolution() -> None:
    source, net = models.squeezenet1_1(num_classes=7), make("squeezenet1_1", 64)
    load_weights(net, file_of(source.state_dict()))
    assert torch.equal(net.head.weight, source.classifier[1].weight.flatten(1))
    assert all(torch.equal(value, net.library_state()[key]) for key, value in source.state_dict().items())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_other_precisions(dtype: torch.dtype) -> None:
    source, net = cnn(), cnn()
    load_weights(
        net, file_of({k: v.to(dtype) for k, v in source.state_dict().items() if v.is_floating_point()})
    )
    assert net.head.weight.dtype == torch.float32
    assert torch.equal(net.head.weight, source.head.weight.to(dtype).float())


def test_of_several_nets_in_a_file_it_is_told_which_is_taken(caplog: pytest.LogCaptureFixture) -> None:
    first, second, net = cnn(), cnn(), cnn()
    both = {f"ema.{key}": value for key, value in first.state_dict().items()}
    load_weights(net, file_of({**both, **{f"net.{k}": v for k, v in second.state_dict().items()}}))
    assert torch.equal(net.head.weight, first.head.weight)
    assert "ema is taken, not net." in caplog.text


def test_values_that_are_not_finite_are_refused() -> None:
    net = cnn()
    state = {key: value.clone() for key, value in cnn().state_dict().items()}
    state["features.0.weight"][0] = torch.nan
    before = net.head.weight.clone()
    with pytest.raises(UserError, match=r"not finite stand in features\.0\.weight\. .*earlier checkpoint"):
        load_weights(net, file_of(state))
    assert torch.equal(net.head.weight, before)
