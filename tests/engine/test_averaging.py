"""Averaged weights: as a plain loop averages them, shown while nothing is trained, and resumed bitwise."""

from __future__ import annotations

import copy
import importlib.util
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pellucid.average.ema import EMA
from pellucid.average.swa import SWA
from pellucid.commands.train import train
from pellucid.engine import averaging
from pellucid.engine.averaging import ShownWeights, shows_others
from pellucid.engine.loaded_run import restore
from pellucid.errors import UserError
from pellucid.task.base import Task
from tests.engine.runs import rows, run
from tests.helpers import command, compose, make_run, metrics, same, weights

SMALL = [
    "model=cnn",
    "model.channels=[4,8]",
    "model.hidden=[16]",
    "data.augment=shift",
    "data.batch_size=128",
]
EXTRA = {"lion": "timm", "lamb": "timm", "adamw_schedule_free": "schedulefree"}


def needs(*options: str) -> None:
    """Skip where the package of an optimizer is not installed."""
    for name, package in EXTRA.items():
        if f"optimizer={name}" in options and importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")


def killed(monkeypatch: pytest.MonkeyPatch, *, epoch: int, batch: int) -> None:
    """From here on a training ends within an epoch, as by kill -9: nothing is written any more."""
    before = Task.on_train_batch_start

    def stop(task: Task, batch_: Any, batch_idx: int) -> None:
        if (task.current_epoch, batch_idx) == (epoch, batch):
            raise RuntimeError("killed")
        before(task, batch_, batch_idx)

    monkeypatch.setattr(Task, "on_train_batch_start", stop)


INGREDIENTS = {
    "warmup_cosine": ["scheduler=warmup_cosine", "scheduler.floor=0.1"],
    "linear": ["scheduler=linear", "scheduler.warmup_epochs=1"],
    "one_cycle": ["scheduler=one_cycle"],
    "cosine by step": ["scheduler=cosine", "+scheduler.interval=step"],
    "step by step": ["scheduler=step", "scheduler.step_size=1", "+scheduler.interval=step"],
    "ema": ["average=ema", "average.decay=0.9"],
    "swa": ["average=swa", "average.start=0.3"],
    "groups": ["optimizer=adamw", "+optimizer.groups={weight_decay:weights,layer_decay:0.7,backbone:0.5}"],
    "clipping": ["trainer.gradient_clip_val=0.5", "trainer.accumulate_grad_batches=2"],
    "sgd_nesterov": ["optimizer=sgd_nesterov"],
    "lion": ["optimizer=lion"],
    "lamb": ["optimizer=lamb"],
    "muon": ["optimizer=muon"],
    "adamw_schedule_free": ["optimizer=adamw_schedule_free"],
    "all": [
        *("optimizer=adamw", "+optimizer.groups={weight_decay:weights,layer_decay:0.7}"),
        *("scheduler=warmup_cosine", "average=ema", "average.decay=0.9"),
        *("trainer.gradient_clip_val=0.5", "trainer.accumulate_grad_batches=2"),
    ],
}


@pytest.mark.parametrize("name", INGREDIENTS)
def test_killed_within_an_epoch_and_resumed_is_bitwise_the_same(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs(*INGREDIENTS[name])
    options = [*SMALL, *INGREDIENTS[name], "trainer.max_epochs=4"]
    run(tmp_path / "whole", *options)
    with monkeypatch.context() as patch:
        killed(patch, epoch=2, batch=3)
        with pytest.raises(RuntimeError, match="killed"):
            run(tmp_path / "parts", *options)
    assert metrics(tmp_path / "parts")["epochs"] == 2
    run(tmp_path / "parts", *options, resume=True)
    for kept in ("last", "best"):
        whole, parts = (
            torch.load(tmp_path / part / "checkpoints" / f"{kept}.ckpt", weights_only=True)
            for part in ("whole", "parts")
        )
        assert same(whole["state_dict"], parts["state_dict"])
        assert equal(whole["optimizer_states"], parts["optimizer_states"])
        assert equal(whole["callbacks"].get("ShownWeights"), parts["callbacks"].get("ShownWeights"))
        assert equal(whole["lr_schedulers"], parts["lr_schedulers"])
    seconds = "seconds/train"
    one, other = rows(tmp_path / "whole" / "metrics.csv"), rows(tmp_path / "parts" / "metrics.csv")
    assert [{**row, seconds: ""} for row in one] == [{**row, seconds: ""} for row in other]


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


class Loop(ShownWeights):
    """Beside the average, what torch's AveragedModel makes of the same steps."""

    kept: ClassVar[list[AveragedModel]] = []

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *more: Any) -> None:
        super().on_train_batch_end(trainer, pl_module, *more)
        if trainer.global_step == 1:
            copied, average = copy.deepcopy(pl_module.net), get_ema_multi_avg_fn(0.9)  # type: ignore[no-untyped-call]
            Loop.kept = [AveragedModel(copied, multi_avg_fn=average, use_buffers=False)]
        Loop.kept[0].update_parameters(pl_module.net)


def test_the_average_is_bitwise_that_of_a_plain_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.engine.trainer.ShownWeights", Loop)
    run(tmp_path, *SMALL, "trainer.max_epochs=2", "average=ema", "average.decay=0.9", "average.warmup=false")
    kept = weights(tmp_path)
    plain = dict(Loop.kept[0].module.named_parameters())
    assert len(plain) == 12
    for name, parameter in plain.items():
        assert torch.equal(kept[f"net.{name}"], parameter), name


def test_training_goes_on_as_if_nothing_was_averaged(tmp_path: Path) -> None:
    """Raw weights are those of a run without an average; also with views and a look within the epoch."""
    options = [*SMALL, "trainer.max_epochs=3"]
    run(tmp_path / "plain", *options)
    views = ["callbacks=[predictions,activations,film_strip]", "logger=tensorboard"]
    for number, more in enumerate((["average=ema"], ["average=swa", "average.start=0.3"])):
        for part, looks in (("a", []), ("b", [*views, "+trainer.val_check_interval=0.5"])):
            folder = tmp_path / f"{number}{part}"
            run(folder, *options, *more, *looks)
            checkpoint = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
            trained = checkpoint["callbacks"]["ShownWeights"]["trained"]
            plain = weights(tmp_path / "plain")
            assert len(trained) == 16
            assert all(torch.equal(plain[name], value) for name, value in trained.items())
            assert not torch.equal(plain["net.head.weight"], checkpoint["state_dict"]["net.head.weight"])
    assert same(weights(tmp_path / "0a"), weights(tmp_path / "0b"))


def test_what_is_validated_tested_and_opened_is_the_average(tmp_path: Path) -> None:
    make_run(tmp_path, *SMALL, "trainer.max_epochs=2", "average=ema", "average.decay=0.9")
    recorded = metrics(tmp_path)
    loaded = restore(tmp_path)
    state = {f"net.{name}": tensor for name, tensor in loaded.net.state_dict().items()}
    assert all(torch.equal(weights(tmp_path, "best")[name], tensor) for name, tensor in state.items())
    data = loaded.data()
    data.setup()
    wrong = [
        (loaded.net(images).argmax(1) != labels).sum() for images, labels in data.loader("val", shuffle=False)
    ]
    right = 1 - float(sum(wrong)) / len(data.splits["val"])
    assert right == pytest.approx(recorded["val/accuracy"], abs=1e-6)


def test_statistics_are_estimated_with_the_mean_weights(tmp_path: Path) -> None:
    """By hand: the mean over the batches of the epoch of what each batch norm saw, with the mean weights."""
    make_run(tmp_path, *SMALL, "trainer.max_epochs=2", "average=swa", "average.start=0.5")
    kept, loaded = weights(tmp_path), restore(tmp_path, checkpoint="last")
    data, net = loaded.data(), loaded.net
    data.setup()
    loader = data.loader("train", shuffle=True, augmented=True)
    loader.sampler.set_epoch(1)
    with torch.no_grad():
        maps = [net.get_submodule("features.0")(images) for images, _ in loader]
    mean = torch.stack([map_BCHW.mean((0, 2, 3)) for map_BCHW in maps]).mean(0)
    assert torch.allclose(kept["net.features.1.running_mean"], mean, atol=1e-5)
    ours = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)["callbacks"]["ShownWeights"]
    assert ours["count"] == 1
    assert not torch.allclose(ours["trained"]["net.features.1.running_mean"], mean, atol=1e-4)


def test_a_run_that_goes_on_averages_its_last_epochs(tmp_path: Path) -> None:
    options = [*SMALL, "average=swa", "average.start=0.5"]
    run(tmp_path, *options, "trainer.max_epochs=2")
    run(tmp_path, *options, "trainer.max_epochs=5", resume=True)
    state = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)["callbacks"]["ShownWeights"]
    assert state["count"] == 3, "epochs 3, 4 and 5"


def test_accumulated_steps_are_averaged_once(tmp_path: Path) -> None:
    run(tmp_path, *SMALL, "trainer.max_epochs=1", "trainer.accumulate_grad_batches=3", "average=ema")
    checkpoint = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert checkpoint["callbacks"]["ShownWeights"]["count"] == checkpoint["global_step"] == 4


@pytest.mark.parametrize("average", [["average=ema"], ["average=swa", "average.start=0"]])
def test_frozen_parts_stay_as_they_are(average: list[str], tmp_path: Path) -> None:
    own = ["model=own", "packages=[tests]", f"model._target_={__name__}.HeadOnly"]
    run(tmp_path, *own, *average, "trainer.max_epochs=2")
    state = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)["callbacks"]["ShownWeights"]
    assert {name for name in state["trained"] if "running" not in name} == {"net.2.weight", "net.2.bias"}
    kept, fresh = weights(tmp_path), HeadOnly(num_classes=10).state_dict()
    frozen = [name for name in fresh if name.startswith("1.")]
    assert len(frozen) == 5
    assert all(torch.equal(kept[f"net.{name}"], fresh[name]) for name in frozen)


class HeadOnly(torch.nn.Sequential):
    """A frozen batch norm that stays in evaluation mode, and a layer that is trained."""

    def __init__(self, *, num_classes: int) -> None:
        super().__init__(torch.nn.Flatten(), torch.nn.BatchNorm1d(64), torch.nn.Linear(64, num_classes))
        self[1].requires_grad_(False)
        self.train()

    def train(self, mode: bool = True) -> HeadOnly:
        super().train(mode)
        self[1].eval()
        return self


def test_in_half_precision_the_average_is_exact(tmp_path: Path) -> None:
    run(tmp_path, *SMALL, "trainer.precision=bf16-true", "average=ema", "trainer.max_epochs=2")
    state = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)["callbacks"]["ShownWeights"]
    assert {value.dtype for value in state["averages"].values()} == {torch.float32}


def test_a_compiled_net_is_averaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.nn.Module, "compile", lambda net: None)  # what it changes is how it is called
    run(tmp_path / "compiled", *SMALL, "average=ema", compile=True)
    run(tmp_path / "plain", *SMALL, "average=ema")
    assert same(weights(tmp_path / "compiled"), weights(tmp_path / "plain"))


def test_another_checkpoint_cannot_be_continued_from(tmp_path: Path) -> None:
    options = [*SMALL, "average=ema", "trainer.max_epochs=2"]
    run(tmp_path, *options)
    path = tmp_path / "checkpoints" / "last.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    del checkpoint["callbacks"]["ShownWeights"]["trained"]["net.head.bias"]
    torch.save(checkpoint, path)
    with pytest.raises(UserError, match=r"last\.ckpt cannot be continued from: the weights in training"):
        run(tmp_path, *options, "trainer.max_epochs=3", resume=True)


def test_a_share_of_no_known_length(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"average\.start is a share of the training: set trainer\.max_epochs"
    ):
        run(
            tmp_path,
            *SMALL,
            "average=swa",
            "trainer.max_epochs=null",
            "+trainer.max_steps=3",
        )


def test_without_an_average_there_is_no_callback() -> None:
    assert not shows_others(None, torch.optim.Adam)
    assert shows_others(EMA(), torch.optim.Adam)
    assert shows_others(SWA(), torch.optim.SGD)
    assert averaging.switching([torch.optim.SGD([torch.zeros(1)], lr=1)]) == []


def test_nothing_trained_is_told(tmp_path: Path) -> None:
    config = compose("model=own", "packages=[tests]", "model._target_=tests.engine.test_averaging.Frozen")
    with pytest.raises(UserError, match="No parameter of Frozen is trained"):
        train({**config, "average": compose("average=ema")["average"]}, tmp_path / "run")


class Frozen(torch.nn.Sequential):
    def __init__(self, *, num_classes: int) -> None:
        super().__init__(torch.nn.Flatten(), torch.nn.LazyLinear(num_classes))
        self(torch.zeros(1, 1, 8, 8))
        self.requires_grad_(False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "average", [["average=ema", "average.decay=0.9"], ["average=swa", "average.start=0"]]
)
def test_two_processes_average_alike_and_resume_bitwise(average: list[str], tmp_path: Path) -> None:
    """Also the figures of validation, which all processes have their part in."""
    quiet = ["callbacks=none", "logger=none", "report=false"]
    ddp = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]
    options = [*quiet, *ddp, *SMALL, *average]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    for folder, epochs in ((whole, 3), (parts, 2)):
        done = command(*options, f"trainer.max_epochs={epochs}", f"hydra.run.dir={folder}")
        assert done.returncode == 0, done.stderr
    done = command(f"resume={parts}", "trainer.max_epochs=3")
    assert done.returncode == 0, done.stderr
    assert same(weights(whole), weights(parts))
    one, other = rows(whole / "metrics.csv"), rows(parts / "metrics.csv")
    assert [{**row, "seconds/train": ""} for row in one] == [{**row, "seconds/train": ""} for row in other]


def test_sweeps_prune_by_the_average(tmp_path: Path) -> None:
    line = ["-m", "callbacks=none", "logger=none", "trainer=cpu", *SMALL, "sweep=median", "sweep.trials=2"]
    more = ["average=ema", "trainer.max_epochs=2", "optimizer.lr=interval(1e-3,1e-2)"]
    done = command(*line, *more, f"hydra.sweep.dir={tmp_path}")
    assert done.returncode == 0, done.stderr
    for number in ("0", "1"):
        path = tmp_path / number / "checkpoints" / "last.ckpt"
        assert torch.load(path, weights_only=True)["callbacks"]["ShownWeights"]["count"] > 0
