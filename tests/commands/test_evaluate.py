"""Coming back to a run: its figures again, with what is uncertain, by class, by confidence, by image."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import f1_score, recall_score
from torch import Tensor
from torch.nn import functional
from torchmetrics import MeanMetric, Metric
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from pellucid.commands.compare.compare import compare
from pellucid.commands.evaluate import evaluate
from pellucid.commands.train import train
from pellucid.config.command_line import split
from pellucid.config.data_override import read_data
from pellucid.errors import UserError
from pellucid.run.folder import Run
from pellucid.task.classification import Classification
from pellucid.task.metric import MeanOverImages
from tests.commands.runs import QUIET
from tests.fakes import write_photos
from tests.helpers import CONF, command, compose, make_run, metrics


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    return make_run(folder, "model=dnn", "trainer.max_epochs=2", "keep_every=1", "optimizer.lr=3e-3")


def run_evaluate(run: Path, **given: Any) -> list[dict[str, Any]]:
    options = {"checkpoint": "best", "split": "test", "accelerator": "cpu", "data": None, "out": None}
    return evaluate(str(run), **{**options, **given})


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_the_figures_are_those_of_training(trained: Path) -> None:
    (row,) = run_evaluate(trained)
    recorded = metrics(trained)
    for name in ("val/loss", "val/accuracy", "test/loss", "test/accuracy"):
        assert row[name] == recorded[name], "to the last bit"
    folder = trained / "evaluation" / "best_test"
    content = json.loads((folder / "metrics.json").read_text())
    assert content["metrics"]["accuracy"] == recorded["test/accuracy"]
    low, high = content["intervals"]["accuracy"]
    assert low < recorded["test/accuracy"] < high
    images = rows(folder / "images.csv")
    assert len(images) == recorded["data/test"]
    assert np.mean([row["right"] == "True" for row in images]) == pytest.approx(recorded["test/accuracy"])
    assert np.mean([float(row["loss"]) for row in images]) == pytest.approx(recorded["test/loss"], rel=1e-5)
    every_NK = np.array([[float(row[f"probability_{digit}"]) for digit in range(10)] for row in images])
    assert every_NK.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    assert every_NK.max(axis=1) == pytest.approx([float(row["confidence"]) for row in images])
    assert every_NK.argmax(axis=1).tolist() == [int(row["predicted"]) for row in images]
    of_true = [every_NK[n, int(row["class"])] for n, row in enumerate(images)]
    assert -np.log(of_true) == pytest.approx([float(row["loss"]) for row in images], rel=1e-3, abs=1e-5)
    assert [row["class"] for row in rows(folder / "classes.csv")] == [str(digit) for digit in range(10)]
    for name in ("confusion", "calibration", "mistakes"):
        with Image.open(folder / f"{name}.png") as picture:
            assert picture.width > 300


@pytest.mark.slow
def test_every_kept_checkpoint(trained: Path) -> None:
    found = run_evaluate(trained, checkpoint="all")
    assert [row["checkpoint"] for row in found] == [
        "epoch_0001.ckpt",
        "epoch_0002.ckpt",
        "last.ckpt",
        "best.ckpt",
    ]
    assert found[0]["train/accuracy"] < found[1]["train/accuracy"]
    assert rows(trained / "evaluation" / "checkpoints.csv")[1]["epoch"] == "2"
    assert (trained / "evaluation" / "checkpoints.png").is_file()


@pytest.mark.slow
def test_a_checkpoint_alone_is_enough(trained: Path, tmp_path: Path) -> None:
    lone = tmp_path / "mine.ckpt"
    shutil.copy(trained / "checkpoints" / "last.ckpt", lone)
    inside = run_evaluate(trained / "checkpoints" / "last.ckpt")
    alone = run_evaluate(lone, out=str(tmp_path / "out"))
    assert {**alone[0], "checkpoint": ""} == {**inside[0], "checkpoint": ""}
    assert (tmp_path / "out" / "mine_test" / "metrics.json").is_file()


def test_an_autoencoders_error(tmp_path: Path) -> None:
    make_run(tmp_path / "run", "model=autoencoder")
    (row,) = run_evaluate(tmp_path / "run")
    assert row["test/mse"] == metrics(tmp_path / "run")["test/mse"]
    images = rows(tmp_path / "run" / "evaluation" / "best_test" / "images.csv")
    errors = np.array([float(row["loss"]) for row in images])
    assert errors.mean() == pytest.approx(row["test/mse"], rel=1e-5)
    content = json.loads((tmp_path / "run" / "evaluation" / "best_test" / "metrics.json").read_text())
    assert content["intervals"]["mse"] == by_hand(lambda places: errors[places].mean(), len(errors))


@pytest.mark.slow
def test_other_data(tmp_path: Path, photos: Path) -> None:
    cache = f"data.cache={tmp_path / 'cache'}"
    data = ("data=catdog", f"data.root={photos}", cache, "data.image_size=16")
    make_run(tmp_path / "run", "model=dnn", *data)
    other = tmp_path / "other"
    shutil.copytree(photos, other)
    shutil.rmtree(other / "test" / "dog")
    (other / "test" / "dog").mkdir()
    shutil.copy(next((photos / "test" / "dog").iterdir()), other / "test" / "dog")

    def asked(*argv: str) -> Any:
        return read_data(split(list(argv)), CONF)

    run_evaluate(tmp_path / "run", data=asked(f"data.root={other}"))
    assert len(rows(tmp_path / "run" / "evaluation" / "best_test" / "images.csv")) == 9
    run_evaluate(tmp_path / "run", data=asked("data=image_folder", f"data.root={other}", cache))
    assert len(rows(tmp_path / "run" / "evaluation" / "best_test" / "images.csv")) == 9
    with pytest.raises(
        UserError, match=r"10 classes, .*trained on 2 classes, which stay \(.*gone: cat, dog\)"
    ):
        run_evaluate(tmp_path / "run", data=asked("data=digits"))
    with pytest.raises(UserError, match=r"data\.rot: .*Did you mean 'root'"):
        run_evaluate(tmp_path / "run", data=asked("data.rot=x"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"checkpoint": "epoch_9"}, "no such checkpoint. It has: epoch_0001.ckpt, epoch_0002.ckpt"),
        ({"split": "tests"}, "split=tests: expected train, val or test"),
    ],
)
def test_mistakes_are_told(trained: Path, given: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        run_evaluate(trained, **given)


class Focal(Classification):
    """A task of a user's own: another loss, other metrics, one of them updated in the step itself."""

    def _make_metrics(self) -> dict[str, Metric]:
        return {
            "loss": MeanOverImages(),
            "f1": MulticlassF1Score(self.num_classes, average="macro"),
            "accuracy": MulticlassAccuracy(self.num_classes, average="macro"),
            "sure": MeanMetric(),
            "range": MeanMetric(),
        }

    def _step(self, batch: tuple[Tensor, ...], stage: str) -> tuple[Tensor, Tensor]:
        images_BCHW, labels_B = batch
        logits_BK = self(images_BCHW)
        losses_B = functional.cross_entropy(logits_BK, labels_B, reduction="none")
        loss = ((1 - (-losses_B).exp()) ** 2 * losses_B).mean()
        metrics = self.stage_metrics(stage)
        metrics["loss"].update(loss.detach(), torch.tensor(len(labels_B)))
        metrics["f1"].update(logits_BK, target=labels_B)
        metrics["accuracy"].update(logits_BK, labels_B)
        metrics["sure"].update(logits_BK.softmax(1).max(1).values)
        metrics["range"].update(logits_BK.max() - logits_BK.min())  # of a batch
        return loss, logits_BK


@pytest.fixture(scope="module")
def of_own_task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "own"
    config = compose("packages=[tests]", "model=dnn", "+trainer.limit_train_batches=8")
    config["task"]["_target_"] = "tests.commands.test_evaluate.Focal"
    train(config, folder)
    Run(folder).save_config(config)
    return folder


def of_classes(true: np.ndarray, said: np.ndarray) -> tuple[float, float]:
    """Macro recall and F1, as scikit-learn has them where every class is there, a hundred times as fast."""
    counts = np.bincount(10 * true + said, minlength=100).reshape(10, 10)
    hits, of_true, of_said = counts.diagonal(), counts.sum(1), counts.sum(0)
    return float((hits / of_true).mean()), float((2 * hits / (of_true + of_said)).mean())


def by_hand(statistic: Callable[[np.ndarray], float], images: int) -> Any:
    """Of a bootstrap: the metric of so many images that are drawn again, a thousand times."""
    random = np.random.default_rng(0)
    values = [statistic(random.integers(0, images, images)) for _ in range(1000)]
    return pytest.approx(list(np.percentile(values, [2.5, 97.5])), rel=1e-4, abs=1e-6)


def test_an_interval_is_of_its_own_metric(of_own_task: Path) -> None:
    run_evaluate(of_own_task, packages=["tests"])
    folder = of_own_task / "evaluation" / "best_test"
    content, images = json.loads((folder / "metrics.json").read_text()), rows(folder / "images.csv")
    true, said = (np.array([int(row[name]) for row in images]) for name in ("class", "predicted"))
    sure = np.array([float(row["confidence"]) for row in images])
    cross = np.array([float(row["loss"]) for row in images])
    focal = (1 - np.exp(-cross)) ** 2 * cross
    intervals, methods = content["intervals"], content["interval_methods"]

    known = [float(score(true, said, average="macro")) for score in (recall_score, f1_score)]
    assert of_classes(true, said) == pytest.approx(known)
    assert intervals["f1"] == by_hand(lambda places: of_classes(true[places], said[places])[1], len(true))
    balanced = by_hand(lambda places: of_classes(true[places], said[places])[0], len(true))
    assert intervals["accuracy"] == balanced, "it is no share of images"
    assert intervals["sure"] == by_hand(lambda places: sure[places].mean(), len(true))
    assert intervals["loss"] == by_hand(lambda places: focal[places].mean(), len(true))
    assert methods["f1"] == "bootstrap, 1,000 resamples of 359 images"
    assert intervals["range"] is None
    assert "depends on the batches" in methods["range"]
    for name in ("f1", "accuracy", "loss"):
        low, high = intervals[name]
        assert low < content["metrics"][name] < high


@pytest.mark.slow
def test_a_difference_is_of_its_own_metric(of_own_task: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    config = compose("packages=[tests]", "model=dnn", "+trainer.limit_train_batches=16")
    config["task"]["_target_"] = "tests.commands.test_evaluate.Focal"
    train(config, other)
    Run(other).save_config(config)
    options: dict[str, Any] = {"layers": "auto", "checkpoint": "best", "accelerator": "cpu", "data": None}
    both = [str(of_own_task), str(other)]
    found = compare(both, packages=["tests"], out=str(tmp_path / "compared"), **options)
    tables = []
    for run in both:
        run_evaluate(Path(run), packages=["tests"])
        tables.append(rows(Path(run) / "evaluation" / "best_test" / "images.csv"))
    true = np.array([int(row["class"]) for row in tables[0]])
    one, another = (np.array([int(row["predicted"]) for row in table]) for table in tables)

    def gain(places: np.ndarray) -> float:
        (_, after), (_, before) = (of_classes(true[places], said[places]) for said in (another, one))
        return after - before

    assert found["intervals"]["f1"] == by_hand(gain, len(true))


def test_a_place_that_cannot_be_written_is_told_before_the_work(trained: Path, tmp_path: Path) -> None:
    run = shutil.copytree(trained, tmp_path / "run")
    shutil.rmtree(run / "evaluation", ignore_errors=True)
    (run / "evaluation").touch()

    def never(config: Any) -> Any:
        raise AssertionError("the data were asked for")

    with pytest.raises(UserError, match="is not a folder that you may write to"):
        run_evaluate(run, data=never)


@pytest.mark.slow
def test_evaluate_all_checkpoints(tmp_path: Path) -> None:
    folder = tmp_path / "a=b [1] 한글"
    line = [*QUIET, "model=dnn", "trainer.max_epochs=3", "keep_every=1", f"hydra.run.dir={folder}"]
    assert command(*line, cwd=tmp_path).returncode == 0
    done = command(f"run={folder}", "checkpoint=all", script="scripts/evaluate.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for name in ("epoch_0001.ckpt", "epoch_0002.ckpt", "epoch_0003.ckpt", "last.ckpt", "best.ckpt"):
        assert name in done.stdout
    one = command(
        f"run={folder}",
        f"checkpoint={folder}/checkpoints/epoch_0001.ckpt",
        script="scripts/evaluate.py",
        cwd=tmp_path,
    )
    assert "epoch_0001.ckpt" in one.stdout, one.stderr
    none = command(f"run={folder}", "checkpoint=worst", script="scripts/evaluate.py", cwd=tmp_path)
    assert none.returncode == 2
    assert "It has: epoch_0001.ckpt" in none.stderr


def test_macro_figures_stand_where_classes_were_imbalanced(tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", {"elm": 12, "oak": 72})
    run = make_run(
        tmp_path / "run",
        *("model=dnn", "model.hidden=[8]", "data=image_folder", f"data.root={tmp_path / 'photos'}"),
        *("data.image_size=16", f"data.cache={tmp_path}", "data.sampling=balanced", "report=true"),
        *("task.class_weights=[2,1]", "optimizer.lr=1e-9"),  # so that it is not right of all
        "++task.metrics.auroc._target_=torchmetrics.classification.BinaryAUROC",
        "task.monitor=val/auroc",
    )
    (row,) = run_evaluate(run)
    content = json.loads((run / "evaluation" / "best_test" / "metrics.json").read_text())
    noted = metrics(run)
    assert row["test/auroc"] == pytest.approx(noted["test/auroc"])
    images = rows(run / "evaluation" / "best_test" / "images.csv")
    true, said = ([image[name] for image in images] for name in ("class", "predicted"))
    assert row["test/macro_f1"] == pytest.approx(f1_score(true, said, average="macro"))
    assert row["test/balanced_accuracy"] == pytest.approx(recall_score(true, said, average="macro"))
    assert {"macro_f1", "balanced_accuracy", "auroc"} <= content["intervals"].keys()
    counts = {each["class"]: each["train_images"] for each in rows(run / "evaluation/best_test/classes.csv")}
    assert counts == {"elm": "8", "oak": "50"}
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "50 training images of oak, 8 of elm" in page
    assert "test balanced accuracy" in page
    assert "<th>trained on</th>" in page


def test_balanced_classes_have_no_macro_figures(trained: Path) -> None:
    (row,) = run_evaluate(trained)
    assert not [name for name in row if "macro" in name]
