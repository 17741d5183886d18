"""What is believed of a configuration that anybody may have written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pellucid.config.command_line import split
from pellucid.config.trust import (
    check_kept_files,
    check_writers,
    config_problem,
    own_packages,
    packages_option,
)
from pellucid.errors import UserError
from tests.helpers import CONF

NODE = {"_target_": "x.Y"}
CONFIG = {
    **dict.fromkeys(("model", "data", "task", "optimizer", "trainer"), NODE),
    "scheduler": None,
    "seed": 0,
}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({}, ""),
        ({"scheduler": NODE, "callbacks": {"a": NODE}, "logger": None, "device_images": 1.5}, ""),
        ({"model": None}, "model: expected a mapping with a _target_."),
        ({"model": {"_target_": 1}}, "model: expected a mapping with a _target_."),
        ({"scheduler": 1}, "scheduler: expected null or a mapping with a _target_."),
        ({"logger": {"a": 1}}, "logger: expected mappings with a _target_, by name."),
        ({"callbacks": [1]}, "callbacks: expected mappings with a _target_, by name."),
        ({"seed": -1}, "seed: expected a whole number, 0 or more."),
        ({"seed": True}, "seed: expected int, got True."),
        ({"compile": 1}, "compile: expected bool, got 1."),
        ({"device_images": "x"}, "device_images: expected float, got 'x'."),
        ({"odd": object}, "expected texts, numbers, lists and mappings."),
        ({"odd": [2**63]}, "expected texts, numbers, lists and mappings."),
    ],
)
def test_the_first_problem_of_a_run_s_configuration(change: dict[str, Any], problem: str) -> None:
    assert config_problem({**CONFIG, **change}) == problem


def test_what_is_no_configuration() -> None:
    assert config_problem([1]) == "expected options by name, got [1]."
    without = {key: value for key, value in CONFIG.items() if key != "scheduler"}
    assert config_problem(without).startswith("scheduler: expected null")


def test_whose_packages_may_be_imported(tmp_path: Path) -> None:
    (tmp_path / "train.yaml").write_text("packages: [theirs]\n")
    assert own_packages(split([]), tmp_path) == ["theirs"]
    assert own_packages(split(["packages=[mine]"]), tmp_path) == ["mine"]
    assert own_packages(split(["packages=[mine]"]), CONF, training=True) == ["mine"]
    with pytest.raises(UserError, match=r"packages: expected a list of names, \[mypkg\], got 'mine'"):
        own_packages(split(["packages=mine"]), tmp_path)
    assert (packages_option(["a", "b"]), packages_option([])) == (" packages=[a,b]", "")


CSV, MODEL = "lightning.pytorch.loggers.CSVLogger", "lightning.pytorch.callbacks.ModelCheckpoint"
WANDB = "pellucid.logger.wandb.Wandb"


@pytest.mark.parametrize(
    ("logger", "argv", "told"),
    [
        ({"_target_": CSV, "name": "a"}, [], False),
        ({"_target_": CSV, "save_dir": "a"}, [], True),
        ({"_target_": CSV, "name": "../a"}, [], True),
        ({"_target_": CSV, "name": ".."}, [], True),
        ({"_target_": CSV, "name": ["a"]}, [], True),
        ({"_target_": CSV, "save_dir": "a"}, [f"+logger.mine._target_={CSV}"], False),
        ({"_target_": MODEL}, [], True),
        ({"_target_": WANDB, "project": "a", "offline": True, "tags": ["b"], "entity": None}, [], False),
        ({"_target_": WANDB, "offline": False}, [], True),
        ({"_target_": WANDB, "offline": False}, [f"+logger.mine._target_={WANDB}"], False),
        ({"_target_": WANDB, "tags": ["../b"]}, [], True),
        ({"_target_": "pellucid.logger.mlflow.MLflow", "tracking_uri": None}, [], False),
        ({"_target_": "pellucid.logger.mlflow.MLflow", "tracking_uri": "databricks"}, [], True),
        ({"_target_": "pellucid.logger.trackio.Trackio", "space_id": "mine"}, [], True),
        ({"_target_": "theirs.Logger"}, [], False),
        ({"_target_": "pellucid.callbacks.graph.Graph"}, [], False),
        ({"_target_": "pellucid.callbacks.graph.Graph", "inner": {"_target_": CSV}}, [], True),
    ],
)
def test_what_may_write_elsewhere_must_be_named(logger: dict[str, Any], argv: list[str], told: bool) -> None:
    config = {"callbacks": None, "logger": {"mine": logger}, "trainer": NODE, "packages": ["theirs"]}
    if told:
        with pytest.raises(UserError, match=r"^logger\.mine.*If that is yours, name it: \+logger\.mine"):
            check_writers(config, split(argv), CONF)
    else:
        check_writers(config, split(argv), CONF)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("model/dnn.yaml", "_target_: pellucid.model.dnn.DNN\nhidden: [3]\n", ""),
        ("model/dnn.yaml", "_target_: mine.Net\n", ""),
        ("model/dnn.yaml", "_target_: subprocess.Popen\n", "subprocess.Popen"),
        ("train.yaml", "a: 1\nhydra: {sweeper: {params: {optimizer.lr: 1}}}\n", ""),
        ("train.yaml", "a: 1\nhydra: {sweeper: {params: {hydra.launcher: x}}}\n", "what it says of Hydra"),
        ("train.yaml", "a: 1\nhydra: {job: {chdir: true}}\n", "what it says of Hydra"),
        ("train.yaml", "# @package hydra.callbacks\nx: 1\n", "what it says of Hydra"),
        ("new.yaml", '"\\x68ydra": {a: 1}\n', "what it says of Hydra"),
    ],
)
def test_kept_files_do_no_more_than_the_user_s_own(tmp_path: Path, name: str, text: str, told: str) -> None:
    kept, source = tmp_path / "kept", tmp_path / "source"
    for folder in (kept, source):
        (folder / "model").mkdir(parents=True)
        (folder / "train.yaml").write_text("a: 1\n")
        (folder / "odd.yaml").write_text("hydra: {a: 1}\nx: {_target_: subprocess.Popen}\n")
    (kept / name).write_text(text)
    if told:
        with pytest.raises(UserError, match=rf"{name} is not the same as yours, and .*{told}"):
            check_kept_files(kept, source, ["mine"])
    else:
        check_kept_files(kept, source, ["mine"])


def test_kept_files_are_no_links(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "a.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    with pytest.raises(UserError, match=r"a\.yaml is a link"):
        check_kept_files(tmp_path / "kept", tmp_path, [])
