"""A run's methods give what its commands give, leave its folder as it is, and raise for mistakes."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

import pellucid
from tests.helpers import make_run, metrics, once


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def make(path: Path) -> None:
        make_run(path, "data=digits", "trainer.max_epochs=2", "report=false", "callbacks=none")

    return once(tmp_path_factory, "api_run", make)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for index, image_HW in enumerate(load_digits().images[:2]):
        Image.fromarray((image_HW * 15.9).astype(np.uint8)).save(tmp_path / "images" / f"{index}.png")
    return tmp_path / "images"


def contents(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


def test_what_it_says_of_itself(folder: Path) -> None:
    run = pellucid.load(folder)
    accuracy = metrics(folder)["test/accuracy"]
    assert run.metrics["test/accuracy"] == accuracy
    assert f"test/accuracy {accuracy:.4f}" in repr(run)
    assert [row["epoch"] for row in run.history.rows] == [1, 2]
    assert "data:image/png" in run._repr_html_()


def test_it_is_evaluated(folder: Path) -> None:
    before = contents(folder)
    found = pellucid.load(folder).evaluate()
    assert found.metrics["accuracy"] == pytest.approx(metrics(folder)["test/accuracy"])
    low, high = found.intervals["accuracy"]
    assert low <= found.metrics["accuracy"] <= high
    right = [row["class"] == row["true"] for row in found.rows] if "true" in found.rows[0] else []
    assert len(found.rows) == 359
    assert not right or np.mean(right) == pytest.approx(found.metrics["accuracy"])
    assert {"best_test/confusion", "best_test/calibration"} <= set(found.figures)
    assert "accuracy" in repr(found)
    assert "/tmp" not in repr(found)
    assert contents(folder) == before


def test_it_is_evaluated_with_tta_and_a_temperature(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "run")
    run = pellucid.load(tmp_path / "run")
    plain, found = run.evaluate(), run.evaluate(tta="flip", calibrate=True)
    assert (plain.tta, plain.temperature, plain.gains) == ("none", None, {})
    assert found.tta == "flip"
    assert found.metrics["accuracy"] == pytest.approx(plain.metrics["accuracy"] + found.gains["accuracy"])
    low, high = found.gain_intervals["accuracy"]
    assert low <= found.gains["accuracy"] <= high
    assert found.temperature is not None
    assert found.calibration["nll"]["after"] == pytest.approx(found.metrics["loss"], rel=1e-4)
    assert found.aurc is not None
    assert "best_test_flip_calibrated/risk_coverage" in found.figures
    rows = run.predict(run.images(4), tta="flip", threshold=0.5).rows
    assert [row["class"] is None for row in rows] == [row["abstained"] for row in rows]


def test_images_are_predicted_and_explained(folder: Path, images: Path) -> None:
    run = pellucid.load(folder)
    rows = run.predict(images).rows
    assert [Path(row["file"]).name for row in rows] == ["0.png", "1.png"]
    assert rows[0]["class"] == "0"
    found = run.explain(images / "0.png", trust=0)
    assert found.arrays["0.png/saliency"].shape == (8, 8)
    assert list(found.figures) == ["0.png"]


@pytest.mark.slow
def test_layers_are_looked_at(folder: Path) -> None:
    run = pellucid.load(folder)
    found = run.embed(methods=["pca"], split="val")
    assert found.arrays["embed_val/features_ND"].shape == (179, 120)
    assert not [name for name in found.figures if "sprite" in name]
    units = run.units("features.0", count=2, steps=2)
    assert len(units.rows) == 32
    assert units.rows[0]["unit"] == 0


@pytest.mark.slow
def test_runs_are_compared(folder: Path, tmp_path: Path) -> None:
    run = pellucid.load(folder)
    found = run.compare(pellucid.load(folder / "checkpoints" / "last.ckpt"))
    assert "+0.0000" in repr(found) or "accuracy" in repr(found)
    assert found.rows
    assert found.save(tmp_path / "curves.pdf").read_bytes().startswith(b"%PDF")
    three = run.compare(pellucid.load(folder), folder / "checkpoints" / "last.ckpt", out=tmp_path / "out")
    assert len(three.rows[0]["names"]) == 3


def test_it_is_exported(folder: Path, tmp_path: Path) -> None:
    path = pellucid.load(folder).export("state_dict", out=tmp_path / "out")
    assert path.is_file()
    assert path.is_relative_to(tmp_path / "out")


def test_mistakes_are_exceptions(folder: Path) -> None:
    run = pellucid.load(folder)
    with pytest.raises(pellucid.UserError, match=r"split.*'tset'.*Did you mean 'test'"):
        run.evaluate(split="tset")
    with pytest.raises(pellucid.UserError, match="splits"):
        run.evaluate(splits="test")
    with pytest.raises(pellucid.UserError, match=r"-m: expected group\.key=value"):
        run.evaluate("-m")
    with pytest.raises(pellucid.UserError, match="does not exist"):
        pellucid.load("nowhere")
    with pytest.raises(pellucid.UserError, match=r"load\(…\) takes a folder, .* got 3\."):
        pellucid.load(3)  # type: ignore[arg-type]
    with pytest.raises(pellucid.UserError, match=r"images: expected a text, .* got a numpy\.ndarray\."):
        run.predict(np.zeros((2, 8, 8)))  # type: ignore[arg-type]


def test_its_net_and_images_are_those_of_the_run(folder: Path, tmp_path: Path) -> None:
    run = pellucid.load(folder)
    images = run.images(20)
    assert [images.rows[index]["class"] for index in (0, 2, 19)] == ["0", "1", "9"]
    inputs = (images.pixels / 255 - run.normalization["mean"][0]) / run.normalization["std"][0]
    with torch.no_grad():
        predicted = run.net(inputs).argmax(1)
    named = [run.classes[label] for label in predicted.tolist()]
    assert named == [row["class"] for row in run.predict(images).rows]
    files = sorted(images.save(tmp_path / "images").rglob("*.png"))
    assert len(files) == len(images) == 20
    with Image.open(files[0]) as image:
        assert np.array_equal(np.asarray(image), images.pixels[0, 0].numpy())
    assert images.save(tmp_path / "x.png").is_file()
    with pytest.raises(pellucid.UserError, match="count=0"):
        run.images(0)


def test_the_net_is_shown(folder: Path) -> None:
    run = pellucid.load(folder)
    assert [row["maps"] for row in run.feature_maps(layers=["features.0"]).rows] == [32]
    assert set(run.filters().arrays) == {"features.0", "features.4"}
    assert run.summary().rows[-1]["name"] == "total"
    assert run.graph().rows[-1]["name"] == "head"
    explained = run.explain(run.images(2))
    assert [Path(name).name for name in explained.figures]
    assert not any("/tmp" in str(value) for row in explained.rows for value in row.values())


def test_views_that_were_drawn(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(pellucid.UserError, match="none was drawn"):
        pellucid.load(folder).view("latent")
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    for name in ("filters/a/epoch_0001", "filters/a/epoch_0003", "curves"):
        path = copy / "figures" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (2, 2)).save(path)
    run = pellucid.load(copy)
    assert list(run.view("filters")) == ["filters/a/epoch_0003"]
    assert list(run.view("filters", epoch=1)) == ["filters/a/epoch_0001"]
    assert list(run.view("curves")) == ["curves"]
    with pytest.raises(pellucid.UserError, match="epoch=2: filters was drawn after 1, 3"):
        run.view("filters", epoch=2)
    with pytest.raises(pellucid.UserError, match=r"Did you mean 'filters'"):
        run.view("filter")
