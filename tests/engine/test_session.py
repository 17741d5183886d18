"""Training as a function: the run folder, reproducibility, resuming, and what goes wrong."""

from __future__ import annotations

import csv
import logging
import resource
from pathlib import Path
from shutil import which
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pellucid.commands.train import train
from pellucid.engine.build import assemble, restore_task
from pellucid.engine.checkpoint import CheckpointKeeper
from pellucid.errors import UserError
from pellucid.run.checkpoint import load_checkpoint
from pellucid.system.process import as_user_error
from tests.helpers import compose, metrics, same, weights


def run(folder: Path, *overrides: str, resume: bool = False, **more: Any) -> dict[str, Any]:
    return train({**compose(*overrides), **more}, folder, resume=resume)


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_the_run_folder_holds_what_the_design_says(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    result = run(folder, "model=dnn", "trainer.max_epochs=2", "logger=tensorboard", "seed=0")
    names = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if "events" not in p.name}
    assert {
        "checkpoints/best.ckpt",
        "checkpoints/last.ckpt",
        "metrics.csv",
        "metrics.json",
        "train.log",
    } <= names
    assert list((folder / "tensorboard").glob("events*"))
    expected = {
        "status": "finished", "epochs": 2, "seed": 0, "data/source": "scikit-learn's digits",
        "data/train": 1259, "data/val": 179, "data/test": 359,
    }  # fmt: skip
    assert expected.items() <= result.items()
    numbers = ["val/accuracy", "val/loss", "test/accuracy", "test/loss", "seconds/total", "seconds/fit"]
    for key in [*numbers, "seconds/train_epoch"]:
        assert result[key] > 0
    assert {"device", "data/fingerprint", "versions/torch", "git/commit"} <= result.keys()
    kept = rows(folder / "metrics.csv")
    assert [row["epoch"] for row in kept] == ["1", "2"]
    assert float(kept[result["best/epoch"] - 1]["val/accuracy"]) == result["val/accuracy"]


def test_the_best_is_chosen_on_validation_and_reported_on_test(tmp_path: Path) -> None:
    result = run(tmp_path, "model=dnn", "trainer.max_epochs=4", "optimizer.lr=0.01")
    scores = [float(row["val/accuracy"]) for row in rows(tmp_path / "metrics.csv")]
    assert result["best/epoch"] == scores.index(max(scores)) + 1
    assert load_checkpoint(tmp_path / "checkpoints" / "best.ckpt")["epoch"] + 1 == result["best/epoch"]


def test_metrics_equal_a_plain_evaluation(tmp_path: Path) -> None:
    result = run(tmp_path, "model=cnn")
    task, _ = restore_task(load_checkpoint(tmp_path / "checkpoints" / "best.ckpt"))
    from pellucid.engine.build import make_data

    data = make_data(compose("model=cnn"))
    data.setup()
    right = total = 0
    loss = 0.0
    task.eval()
    with torch.no_grad():
        for images, labels in data.test_dataloader():
            logits = task(images)
            right += int((logits.argmax(1) == labels).sum())
            loss += float(torch.nn.functional.cross_entropy(logits, labels, reduction="sum"))
            total += len(labels)
    assert result["test/accuracy"] == pytest.approx(right / total, abs=1e-7)
    assert result["test/loss"] == pytest.approx(loss / total, rel=1e-5)


def test_reconstruction_error_is_in_units_of_pixels(tmp_path: Path) -> None:
    result = run(tmp_path, "model=autoencoder")
    task, _ = restore_task(load_checkpoint(tmp_path / "checkpoints" / "best.ckpt"))
    from pellucid.engine.build import make_data

    data = make_data(compose("model=autoencoder"))
    data.setup()
    split = data.splits["test"]
    pixels = split.images(torch.arange(len(split))).float() / 255
    task.eval()
    with torch.no_grad():
        error = (task(data.spec.normalise(pixels * 255)) - pixels).square().mean()
    assert result["test/mse"] == pytest.approx(float(error), rel=1e-4)
    assert "test/accuracy" not in result


def test_the_checkpoint_rebuilds_its_net_with_nothing_else(tmp_path: Path) -> None:
    run(tmp_path, "model=gcn", "model.grid=4")
    raw = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert raw["pellucid"]["config"]["model"]["grid"] == 4
    assert raw["pellucid"]["spec"]["classes"] == list("0123456789")
    task, spec = restore_task(raw)
    assert spec.image_shape == (1, 8, 8)
    assert same(task.state_dict(), raw["state_dict"])


@pytest.mark.parametrize("model", ["dnn", "cnn", "autoencoder"])
def test_same_seed_same_weights(tmp_path: Path, model: str) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        torch.rand(ord(name))  # what came before must not matter
        run(tmp_path / name, f"model={model}", f"seed={seed}", "data.augment=shift")
    a, b, c = (weights(tmp_path / name) for name in "abc")
    assert same(a, b)
    assert not same(a, c)


@pytest.mark.parametrize(
    "extra",
    [
        *("scheduler=none", "scheduler=plateau"),
        *(pytest.param(extra, marks=pytest.mark.slow) for extra in ("scheduler=cosine", "optimizer=sgd")),
    ],
)
def test_resumed_equals_uninterrupted(tmp_path: Path, extra: str) -> None:
    options = ["model=cnn", extra, "data.augment=shift", "trainer.accumulate_grad_batches=2"]
    if "plateau" in extra:
        options += ["scheduler.patience=0", "optimizer.lr=0.02"]
    if "cosine" in extra:
        options += ["scheduler.T_max=4"]
    run(tmp_path / "whole", *options, "trainer.max_epochs=4")
    run(tmp_path / "parts", *options, "trainer.max_epochs=2")
    run(tmp_path / "parts", *options, "trainer.max_epochs=4", resume=True)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    whole, parts = (
        [{k: v for k, v in row.items() if k != "seconds/train"} for row in rows(path)]
        for path in (tmp_path / "whole" / "metrics.csv", tmp_path / "parts" / "metrics.csv")
    )
    assert whole == parts
    assert metrics(tmp_path / "whole")["best/epoch"] == metrics(tmp_path / "parts")["best/epoch"]


def test_a_run_killed_before_its_first_checkpoint_starts_again(tmp_path: Path) -> None:
    run(tmp_path / "whole", "model=dnn")
    (tmp_path / "killed").mkdir()
    run(tmp_path / "killed", "model=dnn", resume=True)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "killed"))


def test_a_best_checkpoint_that_is_not_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is made up for from the checkpoint that was kept of its epoch, else told, before the training."""
    run(tmp_path / "run", "model=dnn", "keep_every=1", "trainer.max_epochs=3")
    folder = tmp_path / "run" / "checkpoints"
    recorder: Any = None
    keep = CheckpointKeeper(
        folder=folder, monitor="x", mode="max", keep_every=1, recorder=recorder, last=None
    )
    rows = [{"x": 0.5}, {"x": 0.9}, {"x": 0.7}]
    best, second = folder / "best.ckpt", (folder / "epoch_0002.ckpt").read_bytes()
    logging.getLogger("pellucid").propagate = True
    for content in (None, b"junk", (folder / "last.ckpt").read_bytes()):
        best.unlink()
        if content is not None:
            best.write_bytes(content)
        keep.make_up(rows)
        assert best.read_bytes() == second
    assert not caplog.text
    (folder / "epoch_0002.ckpt").unlink()
    best.unlink()
    keep.make_up(rows)
    assert best.read_bytes() == (folder / "last.ckpt").read_bytes()
    assert "is not that of epoch 2, the best; until a better one, that of epoch 3 stands in" in caplog.text


def test_keep_every_keeps_numbered_checkpoints(tmp_path: Path) -> None:
    run(tmp_path, "model=dnn", "trainer.max_epochs=4", "keep_every=2")
    kept = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert kept == ["best.ckpt", "epoch_0002.ckpt", "epoch_0004.ckpt", "last.ckpt"]
    assert load_checkpoint(tmp_path / "checkpoints" / "epoch_0002.ckpt")["epoch"] == 1


def test_tensorboard_holds_curves_hyperparameters_and_the_source(tmp_path: Path) -> None:
    result = run(tmp_path, "model=dnn", "trainer.max_epochs=2", "logger=tensorboard", "callbacks=default")
    tags: dict[str, set[str]] = {"scalars": set(), "tensors": set()}
    seen = {}
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    for kind in tags:
        tags[kind] |= set(events.Tags()[kind])
    for name in ("train/loss", "train/accuracy", "val/loss", "val/accuracy"):
        assert len(events.Scalars(name)) >= 2, name
        seen[name] = events.Scalars(name)[-1].value
    assert events.Scalars("test/accuracy")[-1].value == pytest.approx(result["test/accuracy"])
    assert {"model/summary/text_summary", "data/source/text_summary"} <= tags["tensors"]
    plugin = events.SummaryMetadata("_hparams_/session_start_info").plugin_data
    assert plugin.plugin_name == "hparams"
    assert b"optimizer.lr" in plugin.content
    assert "hp_metric" not in tags["scalars"]


def test_resuming_hides_what_was_logged_after_the_last_checkpoint(tmp_path: Path) -> None:
    options = ["model=dnn", "logger=tensorboard", "trainer.max_epochs=2"]
    run(tmp_path, *options)
    run(tmp_path, *options[:2], "trainer.max_epochs=4", resume=True)
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    steps = [event.step for event in events.Scalars("val/loss") if event.step < 10**6]
    assert steps == sorted(set(steps)), "no epoch stands twice"
    assert len(steps) == 4


@pytest.mark.slow
def test_early_stopping_by_name(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        "model=dnn",
        "callbacks=[default,early_stopping]",
        "callbacks.early_stopping.patience=1",
        "trainer.max_epochs=30",
        "optimizer.lr=0.05",
    )
    assert result["epochs"] < 30


def test_an_unvalidated_epoch_never_replaces_the_best(tmp_path: Path) -> None:
    odd = ["model=dnn", "+trainer.check_val_every_n_epoch=2", "optimizer.lr=0.01"]
    run(tmp_path, *odd, "trainer.max_epochs=2")
    assert run(tmp_path, *odd, "trainer.max_epochs=3", resume=True)["best/epoch"] == 2


def test_an_epoch_that_the_budget_cuts_is_done_again_on_resuming(tmp_path: Path) -> None:
    run(tmp_path / "whole", "model=dnn", "trainer.max_epochs=2")
    cut = run(tmp_path / "cut", "model=dnn", "trainer.max_epochs=2", "+trainer.max_steps=60")
    assert cut["epochs"] == 1
    assert len(rows(tmp_path / "cut" / "metrics.csv")) == 1
    run(tmp_path / "cut", "model=dnn", "trainer.max_epochs=2", resume=True)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "cut"))


def test_an_epoch_without_validation_has_no_validation_figures(tmp_path: Path) -> None:
    run(tmp_path, "model=dnn", "trainer.max_epochs=4", "+trainer.check_val_every_n_epoch=2")
    kept = rows(tmp_path / "metrics.csv")
    assert [bool(row["val/accuracy"]) for row in kept] == [False, True, False, True]
    assert all(row["train/accuracy"] for row in kept)


@pytest.mark.parametrize(
    "budget",
    [
        ["trainer.max_epochs=-1", "+trainer.max_steps=50"],
        ["trainer.max_epochs=2", "+trainer.limit_val_batches=0"],
        ["trainer.max_epochs=0"],
        ["+trainer.limit_train_batches=0"],
        ["+trainer.fast_dev_run=true"],
        ["+trainer.val_check_interval=0.5"],
        ["+trainer.limit_test_batches=0"],
    ],
)
def test_odd_budgets_finish(tmp_path: Path, budget: list[str]) -> None:
    assert run(tmp_path, "model=dnn", "callbacks=progress", *budget)["status"] == "finished"


# What goes wrong.


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
    config["callbacks"] = {"poison": {"_target_": "tests.engine.test_session.Poison"}}
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
        (["data.augment=swirl"], "expected one of none, flip"),
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


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "data.batch_size"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "data.batch_size"),
        (ValueError("Expected more than 1 value per channel when training, got"), "2 or more"),
    ],
)
def test_other_packages_words_become_ours(error: Exception, remedy: str) -> None:
    assert isinstance(as_user_error(error), UserError)
    assert remedy in str(as_user_error(error))
    assert as_user_error(RuntimeError("a bug")).args == ("a bug",)


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


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path: Path) -> None:
    run(tmp_path, "model=dnn", "trainer.max_epochs=1")
    good = weights(tmp_path)
    size = (tmp_path / "checkpoints" / "last.ckpt").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, hard))  # no file may grow beyond that
    try:
        with pytest.raises(UserError, match="could not be written") as caught:
            run(tmp_path, "model=dnn", "trainer.max_epochs=2", resume=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "resume=" in str(caught.value)
    assert same(good, weights(tmp_path))
    assert [p.name for p in (tmp_path / "checkpoints").iterdir() if p.name.startswith(".")] == []
    assert metrics(tmp_path)["status"] == "failed"


def test_frozen_net_trains_its_head_alone(tmp_path: Path, photos: Path) -> None:
    run(
        tmp_path / "run",
        "model=resnet_frozen",
        "model.weights=none",
        "data=catdog",
        f"data.root={photos}",
        f"data.cache={tmp_path}",
        "data.image_size=32",
        "trainer.max_epochs=1",
    )
    from pellucid.engine.build import assemble

    config = compose("model=resnet_frozen", "model.weights=none", "data=catdog", "data.image_size=32")
    _, task = assemble(config)
    before, after = task.state_dict(), weights(tmp_path / "run")
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert changed == {"net.head.weight", "net.head.bias"}


def test_a_user_net_of_another_package(tmp_path: Path) -> None:
    config = compose("packages=[tests]", "model=dnn")
    config["model"] = {"_target_": "tests.engine.test_session.OwnNet", "width": 5}
    result = train(config, tmp_path)
    assert result["status"] == "finished"


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


def test_every_line_of_the_log_is_ours(tmp_path: Path) -> None:
    run(tmp_path, "model=dnn", "callbacks=default")
    lines = (tmp_path / "train.log").read_text().splitlines()
    assert any("epoch 1/1" in line and "val/accuracy" in line for line in lines)
    assert any("tensorboard --logdir" in line for line in lines) is False, "there was no logger"
    assert not logging.getLogger("pellucid").handlers


@pytest.mark.slow
@pytest.mark.skipif(which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_a_compiled_net_trains_as_itself(tmp_path: Path) -> None:
    views = ["callbacks=[predictions,explanations,activations]", "explainer=saliency"]
    line = ["model=dnn", "model.dropout=0", "trainer.max_epochs=2", *views]
    plain = run(tmp_path / "plain", *line)
    compiled = run(tmp_path / "compiled", *line, compile=True)
    assert compiled["val/loss"] == pytest.approx(plain["val/loss"], rel=1e-2)
    assert not [key for key in compiled if key.startswith("look/failed")]
    assert weights(tmp_path / "compiled").keys() == weights(tmp_path / "plain").keys()
    resumed = run(tmp_path / "compiled", *line, "trainer.max_epochs=3", resume=True)
    assert resumed["epochs"] == 3, "the checkpoint is a plain net's"


@pytest.mark.parametrize(
    "precision",
    ["bf16-true", *(pytest.param(name, marks=pytest.mark.slow) for name in ("bf16-mixed", "64-true"))],
)
def test_a_frozen_net_trains_in_every_precision(tmp_path: Path, photos: Path, precision: str) -> None:
    frozen = ["model=resnet_frozen", "model.weights=none", "data=catdog", "data.image_size=32"]
    data = [f"data.root={photos}", f"data.cache={tmp_path / 'cache'}"]
    assert run(tmp_path / "run", *frozen, *data, f"trainer.precision={precision}")["status"] == "finished"


def test_own_tasks_and_nets_see_images(tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is computed once is so for our own classes alone: others may do more with an image."""
    (tmp_path / "mixed.py").write_text(
        "from pellucid.model.torchvision import TorchvisionClassifier\n"
        "from pellucid.task.classification import Classification\n"
        "class Net(TorchvisionClassifier):\n"
        "    def forward(self, images):\n"
        "        assert images.ndim == 4\n"
        "        return super().forward(images.flip(3))\n"
        "class Task(Classification):\n"
        "    def _step(self, batch, stage):\n"
        "        images, labels = batch\n"
        "        return super()._step((images.flip(3), labels), stage)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    frozen = ["model=resnet_frozen", "model.weights=none", "data=catdog", "data.image_size=32"]
    data = [f"data.root={photos}", f"data.cache={tmp_path / 'cache'}", "packages=[mixed]"]
    for name, target in (("net", "model._target_=mixed.Net"), ("task", "task._target_=mixed.Task")):
        result = run(tmp_path / name, *frozen, *data, target)
        assert result["status"] == "finished"


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
