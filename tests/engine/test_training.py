"""What a training does: the best is chosen and tested, seeds repeat it, odd budgets end, any net trains."""

from __future__ import annotations

import logging
from pathlib import Path
from shutil import which

import pytest
import torch

from pellucid.engine.build import assemble, restore_task
from pellucid.run.checkpoint import load_checkpoint
from pellucid.run.folder import Run
from tests.engine.runs import rows, run
from tests.helpers import compose, make_run, metrics, same, weights


def test_the_run_folder_holds_what_the_design_says(trained: Path) -> None:
    result = metrics(trained)
    names = {p.relative_to(trained).as_posix() for p in trained.rglob("*") if "events" not in p.name}
    assert {
        "checkpoints/best.ckpt",
        "checkpoints/last.ckpt",
        "metrics.csv",
        "metrics.json",
        "train.log",
    } <= names
    assert list((trained / "tensorboard").glob("events*"))
    expected = {
        "status": "finished", "epochs": 4, "seed": 0, "data/source": "scikit-learn's digits",
        "data/train": 1259, "data/val": 179, "data/test": 359,
    }  # fmt: skip
    assert expected.items() <= result.items()
    numbers = ["val/accuracy", "val/loss", "test/accuracy", "test/loss", "seconds/total", "seconds/fit"]
    for key in [*numbers, "seconds/train_epoch"]:
        assert result[key] > 0
    assert {"device", "data/fingerprint", "versions/torch", "git/commit"} <= result.keys()


def test_the_best_is_chosen_on_validation_and_reported_on_test(trained: Path) -> None:
    result, kept = metrics(trained), rows(trained / "metrics.csv")
    assert [row["epoch"] for row in kept] == ["1", "2", "3", "4"]
    scores = [float(row["val/accuracy"]) for row in kept]
    assert result["best/epoch"] == scores.index(max(scores)) + 1
    assert result["val/accuracy"] == max(scores)
    assert load_checkpoint(trained / "checkpoints" / "best.ckpt")["epoch"] + 1 == result["best/epoch"]


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


@pytest.mark.parametrize("model", ["dnn", "cnn", "autoencoder"])
def test_same_seed_same_weights(tmp_path: Path, model: str) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        torch.rand(ord(name))  # what came before must not matter
        run(tmp_path / name, f"model={model}", f"seed={seed}", "data.augment=shift")
    a, b, c = (weights(tmp_path / name) for name in "abc")
    assert same(a, b)
    assert not same(a, c)


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
    assert "tensorboard --logdir" not in (tmp_path / "train.log").read_text(), "there was no logger"
    assert not logging.getLogger("pellucid").handlers


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

    config = compose("model=resnet_frozen", "model.weights=none", "data=catdog", "data.image_size=32")
    _, task = assemble(config)
    before, after = task.state_dict(), weights(tmp_path / "run")
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert changed == {"net.head.weight", "net.head.bias"}


def test_the_log_tells_of_each_epoch_and_how_to_look_at_it(trained: Path) -> None:
    lines = (trained / "train.log").read_text().splitlines()
    assert any("epoch 4/4" in line and "val/accuracy" in line for line in lines)
    assert any("tensorboard --logdir" in line for line in lines)


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


def test_a_run_that_ends_at_chance_says_so_once(tmp_path: Path) -> None:
    line = ("model=cnn", "trainer.max_epochs=1", "report=true")
    guessing = make_run(tmp_path / "untrained", *line, "optimizer.lr=0.0")
    said = [line for line in Run(guessing).log.read_text().splitlines() if "guessing" in line]
    assert len(said) == 1
    sentence = said[0].partition("WARNING ")[2]
    assert sentence.startswith(
        f"test/accuracy {metrics(guessing)['test/accuracy']:.2f} is what guessing gives: "
    )
    assert sentence in (guessing / "report.html").read_text()
    learnt = make_run(tmp_path / "learnt", *line)
    assert "guessing gives" not in Run(learnt).log.read_text() + (learnt / "report.html").read_text()
