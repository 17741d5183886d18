"""A training that fails: what it leaves behind, and how the fault is told."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from pellucid.commands.train import train
from pellucid.errors import UserError
from tests.engine.runs import run
from tests.helpers import compose, metrics


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["model=autoencoder", "task=classification"], "needs a net that gives 10 class scores"),
        (["model=cnn", "task=reconstruction"], "needs a net that gives an image for an image"),
        (["model=xai", "data.image_size=16"], "the smallest that works is 34"),
        (["data=image_folder", "data.root=/nowhere/at/all"], "there is no such folder"),
        (["data=fashion_mnist"], "could not be downloaded"),
        (["data=cifar10"], "could not be downloaded"),
        (["model=resnet_frozen"], "could not be downloaded"),
        (["trainer.accelerator=gpu"], "this machine has no such device"),
        (["trainer.accelerator=mps"], "this machine has no such device"),
        (["trainer.accelerator=quantum"], "quantum"),
        (["trainer.precision=9-bit"], "9-bit"),
        (["optimizer.lr=-1"], "refused its options"),
        (["data.batch_size=0"], "at least 1 image"),
        (["data.augment=swirl"], "expected one of none, shift_flip"),
        (["data.repeats=3"], r"data\.repeats=3: without data\.augment a batch would hold the same image"),
        (["data.repeats=0"], r"data\.repeats=0: expected 1 or more"),
        (["task.mix=mixup", "task.mix_alpha=0"], r"task\.mix_alpha=0: expected a number above 0"),
        (["task.mix=mixup", "data.batch_size=1"], r"task\.mix=mixup: a batch of one image has none"),
        (["data.val_fraction=1.5"], "expected more than 0 and less than 1"),
        (["keep_every=-1"], "expected 0"),
        (["trainer.devices=foo"], "devices"),
        (["+optimizer.betas=[0.8]"], "refused its options"),
        (["model=gcn", "model.grid=0"], "refused its options"),
        (["+callbacks.bar._target_=torch.nn.ReLU"], "Expected a Callback of"),
        (["model._target_=os.system"], "is not allowed there"),
        (["model._target_=torch.utils.data.dataset.random_split"], "is not allowed there"),
        (["model._target_=torch.hub.load"], "is not allowed there"),
        (["model._target_=torch.hub.os.PathLike"], "is not allowed there"),
        (["model._target_=pellucid.model.nothing.Net"], "was not found"),
        (["packages=[nowhere]", "model._target_=nowhere.Net"], "Expected nowhere installed"),
    ],
)
def test_mistakes_leave_nothing_behind(
    tmp_path: Path, overrides: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if torch.cuda.is_available() and "gpu" in overrides[0]:
        pytest.skip("this machine has a GPU")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    with pytest.raises(UserError, match=said):
        run(tmp_path / "outputs" / "dnn_digits" / "run", *overrides)
    assert not (tmp_path / "outputs" / "dnn_digits").exists()


def test_a_batch_of_one_with_batch_norm_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.batch_size to 2 or more"):
        run(tmp_path, "model=xai", "data.batch_size=1", "data.image_size=34", "debug=quick")


def test_a_bug_is_recorded_with_its_line(tmp_path: Path) -> None:
    config = compose("model=dnn")
    config["callbacks"] = {"bug": {"_target_": "tests.engine.test_session.Bug"}}
    with pytest.raises(ZeroDivisionError):
        train({**config, "packages": ["tests"]}, tmp_path)
    assert metrics(tmp_path)["status"] == "failed"
    assert metrics(tmp_path)["error"] == "ZeroDivisionError: division by zero"
    assert "Traceback" in (tmp_path / "train.log").read_text()


class Bug(Callback):
    """Fails in the first epoch."""

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        _ = 1 / 0
