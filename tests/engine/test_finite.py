"""A loss that is no finite number ends the training before a checkpoint holds it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from pellucid.commands.train import train
from pellucid.engine.finite import FiniteLoss
from pellucid.errors import UserError
from tests.engine.runs import run
from tests.helpers import compose, metrics, same, weights


def test_nan_loss_stops_and_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"not a finite number at step \d+ of epoch 1") as caught:
        run(tmp_path, "model=dnn", "optimizer=sgd", "optimizer.lr=1e30", "trainer.max_epochs=3")
    assert "optimizer.lr" in str(caught.value)
    assert "checkpoints" not in str(caught.value), "there are none"
    assert metrics(tmp_path)["status"] == "failed"
    assert "not a finite number" in metrics(tmp_path)["error"]
    assert not (tmp_path / "checkpoints" / "last.ckpt").exists()


def test_nan_later_keeps_the_epoch_before(tmp_path: Path) -> None:
    run(tmp_path, "model=dnn", "trainer.max_epochs=1")
    good = weights(tmp_path)
    config = compose("model=dnn", "trainer.max_epochs=3")
    config["callbacks"] = {"poison": {"_target_": "tests.engine.test_finite.Poison"}}
    with pytest.raises(UserError, match="at step 7 of epoch 2"):
        train({**config, "packages": ["tests"]}, tmp_path, resume=True)
    assert same(good, weights(tmp_path))


class Poison(Callback):
    """Makes the weights infinite in the second epoch, after its sixth step."""

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if trainer.current_epoch == 1 and batch_idx == 6:
            with torch.no_grad():
                next(pl_module.parameters()).fill_(float("nan"))


def step(guard: FiniteLoss, loss: float, batch: int, *, last: bool = False) -> None:
    strategy = SimpleNamespace(reduce_boolean_decision=lambda decision, all: decision)
    trainer: Any = SimpleNamespace(is_last_batch=last, strategy=strategy, current_epoch=2)
    guard.on_train_batch_end(trainer, None, {"loss": torch.tensor(loss)}, None, batch)  # type: ignore[arg-type]


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), -float("inf")])
def test_losses_are_looked_at_together_and_the_first_bad_step_is_named(loss: float) -> None:
    guard = FiniteLoss()
    for batch in range(FiniteLoss.CHECK_EVERY + 3):  # the first fifty are good, and forgotten
        step(guard, 1.0, batch)
    step(guard, loss, 53)
    step(guard, loss, 54)
    with pytest.raises(UserError, match="at step 54 of epoch 3; the checkpoints are from before"):
        step(guard, 1.0, 55, last=True)


def test_a_new_epoch_counts_anew() -> None:
    guard = FiniteLoss()
    step(guard, float("nan"), 0)
    guard.on_train_epoch_start(None, None)  # type: ignore[arg-type]
    step(guard, 1.0, 0, last=True)
