"""Every option of Lightning's Trainer: it reaches the Trainer, or is refused with what to write for it."""

from __future__ import annotations

import functools
import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Trainer

from pellucid.commands.train import train
from pellucid.config.command_line import split
from pellucid.config.line_check import check
from pellucid.config.trainer import INSTEAD
from pellucid.errors import UserError
from tests.helpers import CONF, compose

GIVEN: dict[str, Any] = {  # a value of each that is not the default
    "accelerator": "cpu",
    "strategy": "ddp",
    "devices": 1,
    "precision": "64-true",
    "fast_dev_run": 3,
    "max_epochs": 2,
    "min_epochs": 1,
    "max_steps": 3,
    "min_steps": 2,
    "max_time": "00:00:10:00",
    "limit_train_batches": 2,
    "limit_val_batches": 2,
    "limit_test_batches": 2,
    "overfit_batches": 2,
    "val_check_interval": 5,
    "check_val_every_n_epoch": 2,
    "log_every_n_steps": 7,
    "accumulate_grad_batches": 2,
    "gradient_clip_val": 0.5,
    "gradient_clip_algorithm": "value",
    "deterministic": "warn",
    "benchmark": False,
    "inference_mode": False,
    "profiler": "pytorch",
    "detect_anomaly": True,
    "sync_batchnorm": True,
}


class SeenError(Exception):
    """The Trainer was made."""


def test_every_option_is_known() -> None:
    there = inspect.signature(Trainer).parameters.keys()  # an older one has fewer
    assert GIVEN.keys() | INSTEAD.keys() >= there
    assert not GIVEN.keys() & INSTEAD.keys()


def test_options_reach_the_trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = ["model=dnn", "trainer=cpu", *(f"++trainer.{name}={value}" for name, value in GIVEN.items())]
    check(split(line), conf=CONF, name="train")
    given: dict[str, Any] = {}
    make = Trainer.__init__

    @functools.wraps(make)
    def noting(trainer: Trainer, **options: Any) -> None:
        given.update(options)
        make(trainer, **options)

    def fit(trainer: Trainer, *_: Any, **__: Any) -> None:
        raise SeenError

    monkeypatch.setattr(Trainer, "__init__", noting)
    monkeypatch.setattr(Trainer, "fit", fit)
    with pytest.raises(SeenError):
        train(compose(*line), tmp_path / "run")
    assert {name: given[name] for name in GIVEN} == GIVEN


def test_options_that_a_run_has_no_use_for_are_refused_with_what_to_write(tmp_path: Path) -> None:
    line = [f"++trainer.{name}=2" for name in INSTEAD]
    with pytest.raises(UserError) as by_check:
        check(split(line), conf=CONF, name="train")
    with pytest.raises(UserError) as by_training:
        train(compose(*line), tmp_path / "run")
    for name in INSTEAD:
        for told in (str(by_check.value), str(by_training.value)):
            assert re.search(rf"trainer\.{name}=.*: not an option here\. [A-Z]", told)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("+trainer.val_check_interval=0", "a share of an epoch or a number"),
        ("+trainer.check_val_every_n_epoch=0", "at least 1"),
        ("trainer.accumulate_grad_batches=0", "at least 1"),
        ("trainer.gradient_clip_val=-1", "at least 0"),
        ("trainer.log_every_n_steps=-1", "at least 0"),
        ("+trainer.max_time=1", "a time such as"),
        ("+trainer.min_epochs=20", "more than trainer.max_epochs=10"),
        ("trainer.max_epochs=null", r"expected a number, \+trainer\.max_steps"),
        ("+trainer.gradient_clip_algorithm=value", "nothing is clipped without"),
    ],
)
def test_values_that_the_trainer_ignores_or_refuses_late(option: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        check(split([option]), conf=CONF, name="train")


@pytest.mark.parametrize(
    "line",
    [
        "+trainer.val_check_interval=1000",
        "+trainer.max_time=00:5",
        "trainer.max_epochs=-5",
        "trainer.devices=0",
        "+trainer.profiler=unknown",
        "scheduler=step scheduler.step_size=0",
        "scheduler=cosine scheduler.T_max=0",
        "scheduler=plateau scheduler.factor=2",
    ],
)
def test_what_lightning_or_torch_refuse_is_told_before_the_training(line: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="options") as told:
        train(compose("model=dnn", *line.split()), tmp_path / "outputs" / "a" / "run")
    assert not str(told.value).endswith("..")
    assert not (tmp_path / "outputs" / "a").exists()
