"""Names of nets and data sets, with what to type for each."""

from __future__ import annotations

import sys

import pytest
import timm

from pellucid.commands.list import list_datasets, list_models, list_names
from pellucid.config.command_line import split
from pellucid.config.line_check import check
from pellucid.errors import UserError
from tests.helpers import CONF


def test_every_net_of_timm_and_of_torchvision() -> None:
    rows = list(list_models())
    typed = {line: about for _, line, about in rows}
    assert {f"model=timm model.arch={name}" for name in timm.list_models()} <= typed.keys()
    assert typed["model=resnet_finetune model.arch=resnet18"] == "weights: default"
    assert "augreg_in21k" in typed["model=timm model.arch=vit_tiny_patch16_224"]
    assert typed["model=timm model.arch=cait_xxs24_224"].startswith("weights: fb_dist_in1k")
    assert "weights: none" in typed.values(), "of nets without any"
    assert "model=cnn" in typed


def test_what_is_to_be_typed_is_accepted() -> None:
    wanted = ("resnet18", "vit_tiny_patch16_224", "cnn", "CIFAR100", "digits")
    rows = [*list_models(), *list_datasets()]
    lines = [line.split() for name, line, _ in rows if name in wanted]
    assert len(lines) == 6, "resnet18 is torchvision's and timm's"
    for line in lines:
        check(split(line), conf=CONF, name="train")


def test_a_pattern(capsys: pytest.CaptureFixture[str]) -> None:
    list_names(models="RESNET18", datasets="*mnist")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("model=resnet_finetune model.arch=resnet18")
    assert lines[1].startswith("model=timm model.arch=resnet18")
    assert [line.split()[1] for line in lines[3:-2]] == [
        f"data.name={name}" for name in ("EMNIST", "FashionMNIST", "KMNIST", "MNIST", "QMNIST")
    ]
    assert lines[-1] == "8 names"


def test_without_a_pattern_the_choices_of_the_house(capsys: pytest.CaptureFixture[str]) -> None:
    list_names()
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["model=autoencoder", "model=cnn"]
    assert "data=digits" in lines


def test_a_pattern_that_matches_none() -> None:
    with pytest.raises(UserError, match=r"models=resnett18: no name of .* Did you mean .*'resnet18'"):
        list_names(models="resnett18")
    with pytest.raises(UserError, match=r"datasets=zzzz: .* Try datasets='\*zzzz\*'"):
        list_names(datasets="zzzz")


def test_without_timm_the_others_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    names = [name for name, _, _ in list_models()]
    assert "resnet18" in names
    assert "vit_tiny_patch16_224" not in names
