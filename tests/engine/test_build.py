"""From configuration to data and task: of a checkpoint, of a user's class, of an older version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import torchvision

from pellucid.commands.train import train
from pellucid.engine.build import assemble, come_back, restore_task
from pellucid.errors import UserError
from tests.engine.runs import run
from tests.helpers import compose, same


def test_the_checkpoint_rebuilds_its_net_with_nothing_else(tmp_path: Path) -> None:
    run(tmp_path, "model=gcn", "model.grid=4")
    raw = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert raw["pellucid"]["config"]["model"]["grid"] == 4
    assert raw["pellucid"]["spec"]["classes"] == list("0123456789")
    task, spec = restore_task(raw)
    assert spec.image_shape == (1, 8, 8)
    assert same(task.state_dict(), raw["state_dict"])


def test_a_user_net_of_another_package(tmp_path: Path) -> None:
    config = compose("packages=[tests]", "model=dnn")
    config["model"] = {"_target_": "tests.engine.test_build.OwnNet", "width": 5}
    result = train(config, tmp_path)
    assert result["status"] == "finished"


def test_an_optimizer_and_a_scheduler_are_made_once_there_are_parameters() -> None:
    config = compose("model=dnn")
    config["optimizer"] = {"_target_": "torch.optim.SGD", "lr": 0.5}
    config["scheduler"] = {"_target_": "torch.optim.lr_scheduler.ExponentialLR", "gamma": 0.5}
    _, task = assemble(config)
    made: Any = task.configure_optimizers()
    (optimizer,), (scheduler,) = made
    assert isinstance(optimizer, torch.optim.SGD)
    assert isinstance(scheduler, torch.optim.lr_scheduler.ExponentialLR)


class OwnNet(torch.nn.Module):
    """Inherits from nothing of ours."""

    def __init__(self, width: int, num_classes: int) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Flatten(), torch.nn.Linear(64, width), torch.nn.Linear(width, num_classes)
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layers(images)
        return logits


def test_old_options_are_given_to_our_classes_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text(
        "from torch import nn\n"
        "class Net(nn.Sequential):\n"
        "    def __init__(self, *, image_shape, num_classes, views=3, channels_last=True):\n"
        "        super().__init__(nn.Flatten(), nn.Linear(64, num_classes))\n"
        "        assert (views, channels_last) == (3, True)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    config = compose("packages=[mine]")
    _, task = assemble({**config, "model": {"_target_": "mine.Net"}})
    assert type(task.net).__name__ == "Net", "which has looked at its options"
    older = {key: value for key, value in config["model"].items() if key != "channels_last"}
    _, task = assemble({**config, "model": older})
    assert all(parameter.is_contiguous() for parameter in task.net.parameters()), "as it was then"


OF_ZOO = ("model=resnet_finetune", "model.weights=none", "model.trainable=all", "data.image_size=32")


def test_the_stem_of_an_older_run_is_the_standard_one(caplog: pytest.LogCaptureFixture) -> None:
    config = compose(*OF_ZOO)
    with caplog.at_level("INFO"):
        _, task = assemble(config)
    assert task.net.stem == "small"
    (line,) = [record.getMessage() for record in caplog.records if "stem" in record.getMessage()]
    assert "32 × 32" in line
    assert "model.stem=standard" in line
    older = {key: value for key, value in config["model"].items() if key != "stem"}
    _, task = assemble({**config, "model": older})
    assert task.net.stem == "standard"


@pytest.mark.parametrize(
    ("weights", "stem", "comes_back"),
    [
        ("none", "auto", "small"),
        ("default", "auto", "standard"),
        ("some.pt", "auto", "standard"),
        ("some.pt", "small", "small"),
        ("none", "standard", "standard"),
    ],
)
def test_a_net_comes_back_with_the_stem_that_it_had(weights: str, stem: str, comes_back: str) -> None:
    """Its weights are its checkpoint's; those that it started from say no longer which stem to choose."""
    config = compose(*OF_ZOO, f"model.weights={weights}", f"model.stem={stem}")
    _, task = assemble(come_back(config))
    assert task.net.stem == comes_back


@pytest.mark.parametrize(("arch", "told"), [("test_resnet", True), ("resnet18", False)])
def test_a_stem_that_weights_do_not_show_is_told(
    arch: str, told: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    line = ("model=timm", f"model.arch={arch}", "data.image_size=32")
    _, task = assemble(compose(*line, "model.weights=none"))
    assert task.net.stem == "small"
    torch.save(task.net.state_dict(), tmp_path / "net.pth")
    with caplog.at_level("INFO"):
        _, again = assemble(compose(*line, f"model.weights={tmp_path / 'net.pth'}"))
    assert again.net.stem == ("standard" if told else "small")
    assert ("do not show whether the net had a stem" in caplog.text) == told


def test_pretrained_weights_say_how_images_are_prepared(tmp_path: Path) -> None:
    torch.save(timm.create_model("test_resnet").state_dict(), tmp_path / "net.pth")
    line = ["model=timm", "model.arch=test_resnet", f"model.weights={tmp_path / 'net.pth'}"]
    data, _ = assemble(compose(*line))
    assert data.spec.image_shape == (1, 160, 160)
    assert (data.spec.mean, data.spec.std, data.spec.crop) == ((0.5,), (0.5,), 0.95)
    assert "test_resnet of timm" in data.spec.statistics
    data, _ = assemble(compose(*line, "data.image_size=32"))
    assert data.spec.image_shape == (1, 32, 32), "as the user says"
    data, _ = assemble(compose("model=timm", "model.arch=test_resnet", "model.weights=none"))
    assert data.spec.image_shape == (1, 8, 8)
    assert data.spec.crop == 1


def test_any_net_starts_from_a_run_and_keeps_the_rows_of_its_classes(tmp_path: Path) -> None:
    """Images are prepared as they were then; a checkpoint needs the file no more."""
    run(tmp_path / "a", "model=gcn", "model.grid=4")
    config = compose("model=gcn", "model.grid=4", f"weights={tmp_path / 'a'}", "data.seed=3")
    data, task = assemble(config)
    kept = torch.load(tmp_path / "a" / "checkpoints" / "best.ckpt", weights_only=True)
    assert all(
        torch.equal(value, kept["state_dict"][f"net.{k}"]) for k, value in task.net.state_dict().items()
    )
    assert data.spec.mean == tuple(kept["pellucid"]["spec"]["mean"])
    assert data.spec.statistics == "those that the net's weights were trained on"
    train(config, tmp_path / "b")
    (tmp_path / "a").rename(tmp_path / "gone")
    restore_task(torch.load(tmp_path / "b" / "checkpoints" / "last.ckpt", weights_only=True))
    config["trainer"]["max_epochs"] = 2
    assert train(config, tmp_path / "b", resume=True)["epochs"] == 2
    with pytest.raises(UserError, match="there is no such file or folder"):
        assemble(config)


def test_weights_of_a_file_come_in_place_of_the_nets_own(tmp_path: Path) -> None:
    """Nothing is downloaded, and the stem is the one that weights have."""
    theirs = torchvision.models.resnet18(num_classes=3)
    torch.save(theirs.state_dict(), tmp_path / "x.pt")
    line = ["model=resnet_finetune", f"weights={tmp_path / 'x.pt'}", "data.image_size=32"]
    config = compose(*line)
    _, task = assemble(config)
    assert torch.equal(task.net.get_parameter("backbone.conv1.weight"), theirs.conv1.weight)
    assert assemble(come_back(config))[1].net.stem == "standard"
    with pytest.raises(UserError, match="are one option"):
        assemble(compose(*line, f"model.weights={tmp_path / 'x.pt'}"))
