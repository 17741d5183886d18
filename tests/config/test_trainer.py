"""Every option of Lightning's Trainer: it reaches the Trainer, or is refused with what to write for it."""

from __future__ import annotations

import functools
import inspect
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


@pytest.mark.parametrize("name", inspect.signature(Trainer).parameters)
def test_every_option_is_used_or_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if name in INSTEAD:
        assert name not in GIVEN
        with pytest.raises(UserError, match=rf"trainer\.{name}=.*: not an option here\. [A-Z]"):
            check(split([f"++trainer.{name}=2"]), conf=CONF, name="train")
        with pytest.raises(UserError, match="not an option here"):
            train(compose(f"++trainer.{name}=2"), tmp_path / "run")
        assert not (tmp_path / "run").exists()
        return
    more = ["trainer.gradient_clip_val=1"] if name == "gradient_clip_algorithm" else []
    line = ["model=dnn", "trainer=cpu", *more, f"++trainer.{name}={GIVEN[name]}"]
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
    assert given[name] == GIVEN[name]


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
