"""The presets of ``logger=`` as a user types them."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from pellucid.config.check import LOGGERS, check_targets
from tests.engine.runs import run
from tests.helpers import CONF, ROOT, command, compose, same, weights


def test_each_service_has_a_preset_an_extra_and_a_file() -> None:
    extras = (ROOT / "pyproject.toml").read_text()
    assert len(LOGGERS) == 4
    for name in LOGGERS:
        (node,) = compose(f"logger={name}")["logger"].values()
        assert node["_target_"].startswith(f"pellucid.logger.{name}.")
        assert f"\n{name} = [" in extras
        assert (CONF / "logger" / f"{name}.yaml").read_text().startswith("# ")


def test_loggers_are_listed_as_callbacks_are() -> None:
    loggers = ("tensorboard", "csv", "wandb", "mlflow")
    assert compose(f"logger=[{','.join(loggers)}]")["logger"].keys() == set(loggers)
    assert compose("logger=csv")["logger"].keys() == {"tensorboard", "csv"}
    assert compose("logger=none")["logger"] == {}


@pytest.mark.parametrize("name", LOGGERS)
def test_a_package_that_is_missing_is_told_with_its_extra(name: str, monkeypatch: Any) -> None:
    found = importlib.util.find_spec

    def find(package: str, *args: Any) -> Any:
        return None if package == LOGGERS[name] else found(package, *args)

    monkeypatch.setattr(importlib.util, "find_spec", find)
    problems = check_targets(compose(f"logger=[tensorboard,{name}]"))
    assert problems == {
        f"logger.{name}": f"logger.{name} needs the package {LOGGERS[name]}, which is not installed. Install "
        f"it by pip install 'pellucid[{name}]', or leave that logger out."
    }


@pytest.mark.skipif(importlib.util.find_spec("trackio") is not None, reason="the package is there")
def test_a_missing_package_ends_the_command_before_there_is_a_folder(tmp_path: Path) -> None:
    ended = command("logger=trackio", cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: logger.trackio needs the package trackio")
    assert "Traceback" not in ended.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_services_change_nothing_of_a_training_and_say_nothing(tmp_path: Path) -> None:
    for package in ("wandb", "mlflow", "comet_ml"):
        pytest.importorskip(package)
    options = ("model=cnn", "data=digits", "data.augment=shift_flip", "trainer.max_epochs=2", "trainer=cpu")
    services = "logger=[wandb,mlflow,comet]"
    folder = f"hydra.run.dir={tmp_path / 'seen'}"
    shown = {"PYTHONWARNINGS": ""}  # those that Python shows to users
    ended = command(*options, services, "callbacks=samples", folder, env=shown, cold=True)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    lines = ended.stdout.splitlines()
    assert len(lines) < 30
    for word in ("mlflow ui", "wandb sync", "comet upload"):
        assert sum(word in line for line in lines) == 1
    run(tmp_path / "unseen", *options)
    assert same(weights(tmp_path / "seen"), weights(tmp_path / "unseen"))


@pytest.mark.slow
def test_several_processes_are_one_run(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    pytest.importorskip("mlflow")
    from tests.logger.read import mlflow_runs, wandb_runs

    folder = tmp_path / "outputs" / "run"
    devices = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", "trainer.max_epochs=1")
    line = ("model=dnn", *devices, "callbacks=samples", "logger=[wandb,mlflow]", f"hydra.run.dir={folder}")
    ended = command(*line, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    (seen,) = wandb_runs(folder)
    assert seen.pictures == [("samples", 0)]
    (seen,) = mlflow_runs(tmp_path / "outputs" / "mlflow.db")["pellucid"]
    assert seen.status == "FINISHED"
    assert seen.pictures == [("samples", 0)]
    assert {"val/loss", "test/accuracy"} <= seen.metrics.keys()
