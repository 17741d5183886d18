"""Weights by the names of the net's library, which its own net takes without this package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import load_file
from torch import nn
from torchvision import models

from pellucid.engine.loaded_run import restore
from pellucid.errors import UserError
from pellucid.model.state_file import StateFile
from tests.commands.export.runs import random_pixels, run_export
from tests.helpers import make_run


def facts_beside(path: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(path.with_name(f"{path.name}.json").read_text())
    return facts


def built(path: Path) -> nn.Module:
    """The net by the lines of Python that are told."""
    found: dict[str, Any] = {}
    exec("\n".join(facts_beside(path)["use"]).replace(path.name, str(path)), found)
    net: nn.Module = found["net"]
    return net


def assert_is_the_net(net: nn.Module, run: Path, channels: int = 0) -> None:
    predictor = restore(run, accelerator="cpu").predictor()
    images_BCHW = predictor.inputs(random_pixels(5, *predictor.spec.image_shape))
    given_BCHW = images_BCHW.expand(-1, channels, -1, -1) if channels else images_BCHW
    with torch.no_grad():
        assert torch.allclose(net.eval()(given_BCHW), predictor.run(images_BCHW), atol=1e-5)


@pytest.mark.parametrize("format", ["state_dict", "safetensors"])
def test_a_net_of_ours_by_its_class(
    trained: Path, tmp_path: Path, said: pytest.LogCaptureFixture, format: str
) -> None:
    path = run_export(trained, format=format, out=str(tmp_path))
    assert {file.name for file in tmp_path.iterdir()} == {path.name, f"{path.name}.json"}
    facts = facts_beside(path)
    assert facts["classes"] == ["cat", "dog"]
    assert facts["builder"] == "pellucid.model.dnn.DNN"
    assert_is_the_net(built(path), trained)
    assert "bitwise the same values" in said.text
    assert str(tmp_path) not in path.with_name(f"{path.name}.json").read_text(), "of whose machine it was"
    file = StateFile.read(path)
    assert file.spec == restore(trained).spec, "so that another training may start from it"


@pytest.fixture
def of_library(tmp_path: Path, photos: Path) -> Any:
    def make(*options: str) -> Path:
        data = ["data=catdog", f"data.root={photos}", f"data.cache={tmp_path / 'cache'}"]
        return make_run(tmp_path / "run", *data, "data.batch_size=32", "model.weights=none", *options)

    return make


@pytest.mark.slow
def test_torchvisions_own_net_takes_it(of_library: Any) -> None:
    run = of_library("model=resnet_finetune", "model.stem=standard", "data.image_size=32")
    net = models.resnet18(num_classes=2)
    net.load_state_dict(torch.load(run_export(run, format="state_dict"), weights_only=True))
    assert_is_the_net(net, run)
    path = run_export(run, format="safetensors")
    net.load_state_dict(load_file(path))
    assert_is_the_net(built(path), run)


def test_a_stem_that_differs_is_told_and_put_in(of_library: Any) -> None:
    run = of_library("model=resnet_finetune", "data.image_size=16")
    path = run_export(run, format="state_dict")
    facts = facts_beside(path)
    assert (
        "torchvision.models.resnet18 takes these weights once its layers conv1, maxpool" in facts["differs"]
    )
    assert facts["changes"]["maxpool"] == "torch.nn.Identity()"
    with pytest.raises(RuntimeError, match="size mismatch for conv1"):
        models.resnet18(num_classes=2).load_state_dict(torch.load(path, weights_only=True))
    assert_is_the_net(built(path), run)


def test_timms_own_net_takes_it(of_library: Any) -> None:
    run = of_library("model=timm", "model.arch=test_vit", "model.stem=standard", "data.image_size=32")
    net = timm.create_model("test_vit", num_classes=2, img_size=32)
    path = run_export(run, format="state_dict")
    net.load_state_dict(torch.load(path, weights_only=True))
    assert_is_the_net(net, run)
    assert_is_the_net(built(path), run)


def test_grey_images_are_repeated_into_torchvisions_channels(tmp_path: Path) -> None:
    options = ["model=resnet_frozen", "model.weights=none", "model.arch=squeezenet1_1"]
    options += ["model.stem=standard", "data.image_size=32", "data.batch_size=600"]
    path = run_export(make_run(tmp_path / "run", *options), format="state_dict")
    facts = facts_beside(path)
    assert facts["channels"] == "images are repeated into 3 channels, after normalisation"
    assert facts["changes"] == {"classifier.2": "torch.nn.Identity()"}
    net = models.squeezenet1_1(num_classes=10)
    net.load_state_dict(torch.load(path, weights_only=True))
    net.classifier[2] = nn.Identity()
    assert_is_the_net(net, tmp_path / "run", channels=3)


def test_what_is_not_installed(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"format=safetensors needs safetensors.*pellucid\[export\]"):
        run_export(trained, format="safetensors")
