"""Coming back to a run: its figures again, with what is uncertain, by class, by confidence, by image."""

from __future__ import annotations

import csv
import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchmetrics.functional.classification import multiclass_calibration_error

from pellucid.config.command_line import split
from pellucid.config.revisit import changed_data
from pellucid.draw.calibration import calibration
from pellucid.draw.curves import _apart
from pellucid.errors import UserError
from pellucid.evaluate import evaluate
from pellucid.inside.uncertainty import interval
from tests.helpers import CONF, make_run, metrics

OWN: Any = partial(changed_data, line=split([]), conf=CONF)


def test_the_interval_of_a_share_is_the_binomial_one() -> None:
    values = np.arange(400) % 5 == 0  # a share of 0.2
    low, high = interval(values, seed=0)
    half = 1.96 * (0.2 * 0.8 / 400) ** 0.5
    assert [low, high] == pytest.approx([0.2 - half, 0.2 + half], abs=0.005)
    assert interval(values, seed=0) == (low, high)
    assert interval(np.full(7, 0.25), seed=0) == (0.25, 0.25)
    assert list(interval(np.full(10, True), seed=0)) == pytest.approx([0.7225, 1], abs=1e-4)  # Wilson's


def test_calibration_by_hand_and_as_torchmetrics_has_it() -> None:
    found = calibration(np.array([0.95, 0.95, 0.55, 0.55]), np.array([1, 0, 1, 1]), bins=10)
    assert found.images_M.tolist() == [0, 0, 0, 0, 0, 2, 0, 0, 0, 2]
    assert found.ece == pytest.approx((2 * 0.45 + 2 * 0.45) / 4)
    random = torch.Generator().manual_seed(0)
    shares = torch.randn(500, 4, generator=random).mul(2).softmax(1)
    labels = torch.randint(4, (500,), generator=random)
    confidence, said = shares.max(1)
    own = calibration(confidence.numpy(), (said == labels).numpy()).ece
    assert own == pytest.approx(float(multiclass_calibration_error(shares, labels, 4, n_bins=15)), abs=1e-5)


@pytest.mark.parametrize("values", [[1.0], [1, 2, 3], [0, 0, 0], [0, 0.1, 0.2, 5], [0, 0.9, 1.0, 1.1, 2.0]])
def test_labels_are_kept_apart(values: list[float]) -> None:
    places = _apart(values, 0.5)
    assert min(np.diff(places), default=0.5) >= 0.5 - 1e-9
    assert np.mean(places) == pytest.approx(np.mean(values))
    assert _apart([0.0, 1.0, 2.0], 0.5) == [0, 1, 2], "those that are apart stay"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    return make_run(folder, "model=dnn", "trainer.max_epochs=2", "keep_every=1", "optimizer.lr=3e-3")


def run_evaluate(run: Path, **given: Any) -> list[dict[str, Any]]:
    options = {"checkpoint": "best", "split": "test", "accelerator": "cpu", "data": OWN, "out": None}
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
    assert np.mean([float(row["loss"]) for row in images]) == pytest.approx(row["test/mse"], rel=1e-5)


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
        return partial(changed_data, line=split(list(argv)), conf=CONF)

    run_evaluate(tmp_path / "run", data=asked(f"data.root={other}"))
    assert len(rows(tmp_path / "run" / "evaluation" / "best_test" / "images.csv")) == 9
    run_evaluate(tmp_path / "run", data=asked("data=image_folder", f"data.root={other}", cache))
    assert len(rows(tmp_path / "run" / "evaluation" / "best_test" / "images.csv")) == 9
    with pytest.raises(UserError, match=r"10 classes .*trained on 2 \(cat, dog\)"):
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
