"""The one door to instantiation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from pellucid.config.build import SLOTS, build, flatten, locate
from pellucid.errors import UserError


def test_a_class_of_torch_with_its_arguments() -> None:
    layer = build({"_target_": "torch.nn.Linear", "in_features": 3, "out_features": 2}, "model")
    assert isinstance(layer, torch.nn.Linear)
    assert layer.weight.shape == (2, 3)


def test_partial_is_a_factory() -> None:
    make = build({"_target_": "torch.optim.SGD", "_partial_": True, "lr": 0.5}, "optimizer")
    assert make([torch.nn.Parameter(torch.zeros(1))]).defaults["lr"] == 0.5


def test_nested_targets_and_lists_are_built() -> None:
    inner = {"_target_": "torch.nn.ReLU"}
    outer = build({"_target_": "torch.nn.ModuleList", "modules": [inner, inner]}, "model")
    assert [type(m).__name__ for m in outer] == ["ReLU", "ReLU"]


def test_offered_arguments_reach_those_who_name_them() -> None:
    layer = build({"_target_": "torch.nn.Linear", "in_features": 3}, "model", out_features=2, classes=7)
    assert layer.out_features == 2


@pytest.mark.parametrize("place", SLOTS)
@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "subprocess.Popen",
        "builtins.eval",
        "torch.hub.load",
        "torch.load",
        "torch.utils.data.dataset.random_split",
        "lightning.pytorch.trainer.trainer.os.system",
    ],
)
def test_what_is_no_class_of_a_known_package_is_refused(target: str, place: str) -> None:
    with pytest.raises(UserError, match=r"is not allowed there|was not found"):
        locate(target, place)


def test_a_class_that_came_from_elsewhere_is_refused() -> None:
    assert vars(torch.hub)["Path"].__module__.split(".")[0] == "pathlib", "what this test stands on"
    with pytest.raises(UserError, match="is not allowed there"):
        locate("torch.hub.Path", "model")


def test_packages_opens_the_door_for_a_users_own() -> None:
    with pytest.raises(UserError, match=r"packages=\[tests\]"):
        locate("tests.engine.test_build.OwnNet", "model")
    assert locate("tests.engine.test_build.OwnNet", "model", ["tests"]).__name__ == "OwnNet"
    with pytest.raises(UserError, match="Expected a Callback of"):
        locate("tests.engine.test_build.OwnNet", "callbacks", ["tests"])


def test_data_of_a_users_own_may_be_any_data_set() -> None:
    for name in ("Digits", "Module", "Stream"):
        target = f"tests.data.own_sets.{name}"
        assert locate(target, "data", ["tests"]).__name__ == name
        with pytest.raises(UserError, match="is not allowed there"):
            locate(target, "data")
    with pytest.raises(UserError, match=r"OfNothing is no Dataset, a LightningDataModule or an ImageData"):
        locate("tests.data.own_sets.OfNothing", "data", ["tests"])
    for target in (
        "torch.utils.data.TensorDataset",
        "torchvision.datasets.DatasetFolder",
        "datasets.Dataset",
    ):
        with pytest.raises(UserError, match="is not allowed there"):
            locate(target, "data", [target.split(".")[0]])


def test_wrong_arguments_name_the_right_ones() -> None:
    with pytest.raises(UserError, match=r"'widht'.*in_features, out_features"):
        build({"_target_": "torch.nn.Linear", "in_features": 1, "out_features": 1, "widht": 3}, "model")


class HandsOn(nn.Linear):
    def __init__(self, *, gamma: float, **options: Any) -> None:
        super().__init__(**options)
        self.gamma = gamma


def test_what_is_offered_goes_through_a_class_that_hands_options_on() -> None:
    node = {"_target_": f"{__name__}.HandsOn", "gamma": 2.0}
    net = build(node, "model", packages=["tests"], in_features=1, out_features=3, image_shape=(1, 2, 2))
    assert (net.gamma, net.out_features) == (2.0, 3)
    with pytest.raises(UserError, match=r"missing 1 required .*'out_features'. It takes: .*gamma"):
        build(node, "model", packages=["tests"], in_features=1)


def test_a_classs_own_refusal_is_told() -> None:
    with pytest.raises(UserError, match="dropout probability has to be between 0 and 1"):
        build({"_target_": "torch.nn.Dropout", "p": 2.0}, "model")


def test_flatten() -> None:
    config = {"a": {"b": 1, "c": [1, 2]}, "d": None, "e": float("inf"), "f": 0.5, "g": True}
    expected = {"a.b": 1, "a.c": "[1, 2]", "d": "None", "e": "inf", "f": 0.5, "g": True}
    assert flatten(config) == expected


@pytest.mark.parametrize("where", ["at its import", "when it is called"])
def test_a_package_that_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    needs = "import absent_package.layers\n"
    name = f"needing_{len(where)}"
    body = f"    {needs}" if where == "when it is called" else "    return None\n"
    head = "" if where == "when it is called" else needs
    (tmp_path / f"{name}.py").write_text(f"{head}def build_net(num_classes):\n{body}")
    monkeypatch.syspath_prepend(tmp_path)
    told = r"build_net needs the package absent_package, .* Install it: pip install absent_package\.$"
    with pytest.raises(UserError, match=told):
        build({"_target_": f"{name}.build_net"}, "model", packages=[name], num_classes=2)


def test_a_module_of_ones_own_that_is_missing_is_ones_own_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine_alone.py").write_text("def build_net():\n    import mine_alone.layers\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match=r"mine_alone\.layers"):
        build({"_target_": "mine_alone.build_net"}, "model", packages=["mine_alone"])
