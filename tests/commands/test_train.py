"""Trainings as a user types them: exit codes, signals, kill -9 and resume, several processes."""

from __future__ import annotations

import random
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from pellucid.run.folder import Run
from tests.commands.runs import QUIET, wait_for_epochs
from tests.helpers import command, metrics, same, start, weights


def first_command(folder: Path, *options: str) -> dict[str, Any]:
    """The README's, from nothing, and its evaluation; what the run has recorded."""
    done = command(*options, cwd=folder, cold=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "no warning"
    (run,) = (folder / "outputs" / "cnn_digits").iterdir()
    epochs = metrics(run)["epochs"]
    for said in (
        "optimizer adam lr=0.001",
        "parameters",
        "FLOPs",
        f"epoch {epochs}/{epochs}",
        "tensorboard --logdir",
    ):
        assert said in re.sub(" +", " ", done.stdout)
    (folder / "elsewhere").mkdir()
    tested = command(f"run={run}", script="scripts/evaluate.py", cwd=folder / "elsewhere")
    assert tested.returncode == 0, tested.stderr
    assert f"{metrics(run)['test/accuracy']:.4f}" in tested.stdout
    assert f"{metrics(run)['test/loss']:.4f}" in tested.stdout
    assert list((folder / "elsewhere").iterdir()) == []
    return metrics(run)


def test_the_first_command_of_the_readme_on_less(tmp_path: Path) -> None:
    assert first_command(tmp_path, "trainer.max_epochs=2")["test/accuracy"] >= 0.93


@pytest.mark.timed
def test_the_first_command_of_the_readme(tmp_path: Path) -> None:
    recorded = first_command(tmp_path)
    assert recorded["test/accuracy"] >= 0.97
    assert recorded["seconds/total"] < 60, "a quarter of a minute on an idle machine"


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)],
)
def test_interrupted(tmp_path: Path, number: signal.Signals, code: int) -> None:
    folder = tmp_path / "run"
    process = start(*QUIET, f"hydra.run.dir={folder}", "model=dnn", "trainer.max_epochs=100000")
    wait_for_epochs(process, folder, 2)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert metrics(folder)["status"] == "interrupted"
    assert "Traceback" not in err
    assert "resume=" in out
    assert (folder / "checkpoints" / "last.ckpt").exists()


@pytest.mark.slow
def test_interrupted_while_reading(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = start(*QUIET, f"hydra.run.dir={folder}", "data=catdog", "data.source=drawn", "model=dnn")
    deadline = time.monotonic() + 60
    while not (folder / "train.log").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130


def kill_and_resume(folder: Path, options: list[str], chance: random.Random) -> int:
    """Start, kill -9 at a random moment of training, resume to the end; the epoch it was killed in."""
    process = start(*options, f"hydra.run.dir={folder}")
    wait_for_epochs(process, folder, 2)
    time.sleep(chance.uniform(0, 1))
    assert process.poll() is None, "it ended before it was killed"
    process.kill()
    process.communicate()
    assert metrics(folder)["status"] == "running"
    killed_in = int(metrics(folder)["epochs"])
    done = command(f"resume={folder}")
    assert done.returncode == 0, done.stderr
    assert metrics(folder)["status"] == "finished"
    return killed_in


EVERYTHING = (
    "recipe=good data.augment=strong data.repeats=2 task.mix=both task.label_smoothing=0.1 "
    "optimizer.groups.layer_decay=0.7 trainer.gradient_clip_val=1 trainer.accumulate_grad_batches=3"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "turns"),
    [("data.augment=shift scheduler=cosine", 5), (EVERYTHING, 3)],
    ids=["usual", "everything"],
)
def test_killed_at_random_moments_and_resumed_is_bitwise_the_same(
    tmp_path: Path, more: str, turns: int
) -> None:
    small = ["model=cnn", "model.channels=[4,8]", "model.hidden=[16]", "trainer.max_epochs=30"]
    options = [*QUIET, *small, *more.split()]
    assert command(*options, f"hydra.run.dir={tmp_path / 'whole'}").returncode == 0
    for turn in range(turns):
        folder = tmp_path / f"killed = [{turn}]"
        epoch = kill_and_resume(folder, options, random.Random(turn))
        print(f"killed after {epoch} epochs")
        assert 1 <= epoch < 30
        for name in ("last", "best"):
            assert same(weights(tmp_path / "whole", name), weights(folder, name))


@pytest.mark.slow
def test_a_grid_by_hydra(tmp_path: Path) -> None:
    done = command(
        "-m", *QUIET, "model=dnn,cnn", "data.batch_size=32,64", "trainer.max_epochs=1", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    folders = sorted((tmp_path / "outputs" / "sweeps").glob("*/[0-9]*"))
    assert [folder.name for folder in folders] == ["0", "1", "2", "3"]
    assert [Run(folder).config()["data"]["batch_size"] for folder in folders] == [32, 64, 32, 64]
    assert all(metrics(folder)["status"] == "finished" for folder in folders)


@pytest.mark.slow
def test_two_processes_train_one_net(tmp_path: Path) -> None:
    ddp = [
        "callbacks=none",
        "logger=none",
        "trainer=ddp",
        "trainer.accelerator=cpu",
        "trainer.devices=2",
    ]
    folder = tmp_path / "run"
    done = command(*ddp, "model=cnn", "trainer.max_epochs=3", f"hydra.run.dir={folder}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = metrics(folder)
    assert result["status"] == "finished"
    assert result["devices"] == 2
    assert result["test/accuracy"] > 0.9
    assert f"{result['test/accuracy']:.4f}" in (folder / "report.html").read_text()
    assert not (tmp_path / "outputs").exists(), "the second process has no folder of its own"
    assert torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 3 * 20
    tested = command(f"run={folder}", script="scripts/evaluate.py", cwd=tmp_path)
    assert f"{result['test/accuracy']:.4f}" in tested.stdout, "no test image lost or doubled"
    whole = ["model=cnn", "trainer.max_epochs=4", f"hydra.run.dir={tmp_path / 'whole'}"]
    assert command(*ddp, *whole, "report=false", cwd=tmp_path).returncode == 0
    resumed = command(f"resume={folder}", "trainer.max_epochs=4", "report=false", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert same(weights(tmp_path / "whole"), weights(folder)), "both processes went on from the checkpoint"


@pytest.mark.slow
def test_two_processes_train_for_as_many_epochs_as_the_first_says(tmp_path: Path) -> None:
    ddp = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]
    done = command(*QUIET, *ddp, "model=dnn", "minutes=0.5", f"hydra.run.dir={tmp_path}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = re.findall(r"minutes=0\.5: ([\d,]+) epochs? of", done.stdout + done.stderr)
    assert len(found) == 1, "said once"
    result = metrics(tmp_path)
    assert result["status"] == "finished"
    assert result["devices"] == 2
    assert Run(tmp_path).config()["trainer"]["max_epochs"] == int(found[0].replace(",", ""))
    assert result["epochs"] == int(found[0].replace(",", ""))


@pytest.mark.slow
def test_two_processes_train_a_frozen_net(tmp_path: Path, photos: Path) -> None:
    """On features that are computed once."""
    ddp = [
        "callbacks=none",
        "logger=none",
        "report=false",
        "trainer=ddp",
        "trainer.accelerator=cpu",
        "trainer.devices=2",
    ]
    data = ["data=catdog", f"data.root={photos}", "data.image_size=32", f"data.cache={tmp_path / 'cache'}"]
    line = [
        *ddp,
        *data,
        "model=resnet_frozen",
        "model.weights=none",
        "model.augmentations_per_image=2",
        "trainer.max_epochs=3",
    ]
    done = command(*line, f"hydra.run.dir={tmp_path / 'run'}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = metrics(tmp_path / "run")
    assert (result["status"], result["devices"], result["epochs"]) == ("finished", 2, 3)
