"""Two runs side by side: what is told of them is what their nets do."""

from __future__ import annotations

import csv
import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from pellucid.commands.compare.compare import compare
from pellucid.commands.compare.comparison import MAX_OPTIONS, write_option_differences
from pellucid.config.command import Command
from pellucid.config.command_line import split
from pellucid.config.data_override import read_data
from pellucid.config.difference import option_differences
from pellucid.engine.loaded_run import restore
from pellucid.errors import UserError
from tests.helpers import CONF, command, make_run, metrics


def asked(*argv: str) -> Any:
    return read_data(split(list(argv)), CONF)


def run_compare(*runs: Path, **given: Any) -> dict[str, Any]:
    options = {"layers": "auto", "checkpoint": "best", "accelerator": "cpu", "data": asked(), "out": None}
    return compare([str(run) for run in runs], **{**options, **given})


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


@pytest.fixture(scope="module")
def dnn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("one") / "run"
    return make_run(folder, "model=dnn", "seed=1", "data.seed=0", "trainer.max_epochs=3")


@pytest.fixture(scope="module")
def cnn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the same folder name as the other run."""
    folder = tmp_path_factory.mktemp("two") / "run"
    small = ("model=cnn", "model.channels=[8,16]", "model.hidden=[32]", "optimizer.lr=5e-3")
    return make_run(folder, *small, "data.seed=0", "trainer.max_epochs=2")


@pytest.fixture(scope="module")
def redrawing(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("three")
    return [make_run(folder / str(size), "model=autoencoder", f"model.sizes=[{size},2]") for size in (8, 32)]


@pytest.fixture(scope="module")
def found(dnn: Path, cnn: Path) -> dict[str, Any]:
    """What is found of the two classifiers, in the folder that is theirs by default."""
    return run_compare(dnn, cnn)


@pytest.fixture
def listen(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """To be called behind the training, which starts a log of its own."""

    def start() -> None:
        monkeypatch.setattr(logging.getLogger("pellucid"), "propagate", True)
        caplog.set_level(logging.INFO, "pellucid")

    return start


def predicted(run: Path) -> tuple[Tensor, Tensor]:
    """The classes that the run's net gives its test images, and the true ones."""
    trained = restore(run, accelerator="cpu")
    data, predictor = trained.data(asked()), trained.predictor()
    test = data.splits["test"]
    logits = predictor.run(predictor.inputs(test.images(torch.arange(len(test)))))
    return logits.argmax(dim=1), test.labels_N


def test_a_run_with_itself(
    dnn: Path, tmp_path: Path, listen: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    listen()
    found = run_compare(dnn, dnn, out=str(tmp_path))
    assert (found["only_first"], found["only_second"], found["p"]) == (0, 0, 1.0)
    assert np.diag(found["cka"]) == pytest.approx(1, abs=1e-6)
    assert np.array(found["cka"]) == pytest.approx(np.array(found["cka"]).T, abs=1e-9)
    assert found["metrics"]["accuracy"] == [metrics(dnn)["test/accuracy"]] * 2
    assert "All options are the same." in caplog.text
    assert rows(tmp_path / "disagreements.csv") == rows(tmp_path / "options.csv") == []
    assert (tmp_path / "disagreements.csv").read_text().startswith("file,class,first,")


def test_two_classifiers(dnn: Path, cnn: Path, found: dict[str, Any]) -> None:
    folder = dnn / "comparison" / cnn.parent.name / "run"
    (one, true), (other, same) = predicted(dnn), predicted(cnn)
    assert torch.equal(true, same)
    assert found["only_first"] == int(((one == true) & (other != true)).sum()) > 0
    assert found["only_second"] == int(((one != true) & (other == true)).sum()) > 0
    assert found["both_right"] == int(((one == true) & (other == true)).sum())
    low, high = found["intervals"]["accuracy"]
    assert low < (found["only_second"] - found["only_first"]) / len(true) < high
    kept = json.loads((folder / "comparison.json").read_text())
    assert {**kept, "cka": found["cka"]} == json.loads(json.dumps(found))

    differ = rows(folder / "disagreements.csv")
    assert len(differ) == int((one != other).sum())
    assert all(row["first"] != row["second"] for row in differ)
    sure = [float(row["first_confidence"]) * float(row["second_confidence"]) for row in differ]
    assert sure == sorted(sure, reverse=True)
    options = {row["option"]: (row["first"], row["second"]) for row in rows(folder / "options.csv")}
    assert options["seed"] == ("1", "0")
    assert options["trainer.max_epochs"] == ("3", "2")
    assert options["model.channels"] == ("–", "[8, 16]")
    assert "data.seed" not in options
    layers = rows(folder / "layers.csv")
    assert [row["layer"] for row in layers] == ["features.1", "features.4", "head"]
    assert list(layers[0])[1:] == ["features.0", "features.4", "classifier.1", "head"]
    values = [[float(row[name]) for name in list(row)[1:]] for row in layers]
    assert values == pytest.approx(np.array(found["cka"]))
    assert -0.1 < np.min(values) < np.max(values) < 1
    for name in ("curves", "layers", "disagreements"):
        with Image.open(folder / f"{name}.png") as picture:
            assert picture.width > 300


def test_the_likeness_is_that_of_what_the_layers_give(dnn: Path, cnn: Path, tmp_path: Path) -> None:
    """Of the last layers, which give the logits."""
    from pellucid.metrics.similarity import cka

    found = run_compare(dnn, cnn, out=str(tmp_path), layers=["head"])
    logits = []
    for run in (dnn, cnn):
        trained = restore(run, accelerator="cpu")
        test, predictor = trained.data(asked()).splits["test"], trained.predictor()
        logits.append(predictor.run(predictor.inputs(test.images(torch.arange(len(test))))).numpy())
    assert found["cka"] == [[pytest.approx(cka(*logits), abs=1e-5)]]


def test_layers_by_name(dnn: Path, cnn: Path, tmp_path: Path) -> None:
    """Of either net: a name that one of them lacks is the other's."""
    out = tmp_path / "out"
    found = run_compare(dnn, cnn, out=str(out), layers=["features.1", "features.0", "head"])
    assert np.shape(found["cka"]) == (3, 2 + 1)
    for layers, message in (
        (["head", "features.11"], r"no layer named 'features\.11'\. Did you mean features\.\d"),
        (["classifier.1"], r"DNN has no layer named 'classifier\.1'"),
        ("head", "layers=head: expected auto or a list of names"),
        ([], "names none"),
    ):
        shutil.rmtree(out, ignore_errors=True)
        with pytest.raises(UserError, match=message):
            run_compare(dnn, cnn, layers=layers, out=str(out))
        assert not out.exists(), "nothing is written before everything is checked"


@pytest.mark.slow
def test_two_autoencoders(redrawing: list[Path]) -> None:
    found = run_compare(*redrawing)
    folder = redrawing[0] / "comparison" / redrawing[1].parent.name / "32"
    assert found["metrics"]["mse"] == [metrics(run)["test/mse"] for run in redrawing]
    errors = rows(folder / "errors.csv")
    first, second = (np.array([float(row[name]) for row in errors]) for name in ("first", "second"))
    assert found["only_first"] == (first < second).sum()
    assert found["only_first"] + found["only_second"] == len(errors)
    low, high = found["intervals"]["mse"]
    assert low < (second - first).mean() < high
    assert {path.name for path in folder.glob("*.png")} == {"curves.png", "layers.png", "redrawn.png"}


def test_runs_that_cannot_be_compared(
    dnn: Path, cnn: Path, redrawing: list[Path], photos: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"two nets of one task, got .*classification.*reconstruction"):
        run_compare(dnn, redrawing[0])
    data = ("data=catdog", f"data.root={photos}", f"data.cache={tmp_path / 'cache'}", "data.image_size=8")
    photographed = make_run(tmp_path / "run", "model=dnn", *data)
    with pytest.raises(UserError, match=r"same classes .* 10 \(0, 1, .*\) and 2 \(cat, dog\)"):
        run_compare(dnn, photographed)
    for runs in ([dnn], [dnn, cnn, dnn], []):
        with pytest.raises(UserError, match=r"runs=\[.*\]: expected two runs"):
            run_compare(*runs)
    with pytest.raises(UserError, match="expected two runs"):
        compare("ab", layers="auto", checkpoint="best", accelerator="cpu", data=asked(), out=None)
    assert not (dnn / "comparison" / "run").exists()


@pytest.mark.slow
def test_other_splits_are_compared_where_they_overlap(
    dnn: Path, tmp_path: Path, listen: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    other = make_run(tmp_path / "seed", "model=dnn", "seed=2")
    listen()
    found = run_compare(dnn, other, out=str(tmp_path / "out"))
    tests = [set(restore(run, accelerator="cpu").data(asked()).splits["test"].files) for run in (dnn, other)]
    assert found["images"] == len(tests[0] & tests[1]) < len(tests[0])
    assert f"Compared on {found['images']} images: those that are test images of both" in caplog.text


def test_files_of_the_same_names_are_not_taken_for_the_same(photos: Path, tmp_path: Path) -> None:
    runs, cache = [], f"data.cache={tmp_path / 'cache'}"
    for place, root in enumerate((photos, tmp_path / "photos")):
        if place:
            shutil.copytree(photos, root)
            shutil.copy(root / "test" / "cat" / "001.jpg", root / "test" / "cat" / "000.jpg")
        data = ("data=catdog", f"data.root={root}", cache, "data.image_size=8")
        runs.append(make_run(tmp_path / f"run{place}", "model=dnn", *data))
    with pytest.raises(UserError, match=r"under the same names .* not the same .* data\.root=<folder>"):
        run_compare(*runs)
    assert run_compare(*runs, data=asked(f"data.root={photos}"))["images"] == 16
    for file in (tmp_path / "photos" / "test").glob("*/*"):
        file.rename(file.with_name(f"other {file.name}"))
    with pytest.raises(UserError, match=r"no test image of the one .* neither was trained on"):
        run_compare(*runs)


def test_very_few_images(
    photos: Path, tmp_path: Path, listen: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    """Three: too few for the alignment of layers, enough for the rest."""
    few = tmp_path / "few"
    shutil.copytree(photos, few)
    for file in [
        *sorted((few / "test" / "cat").iterdir())[1:],
        *sorted((few / "test" / "dog").iterdir())[2:],
    ]:
        file.unlink()
    data = ("data=catdog", f"data.root={few}", f"data.cache={tmp_path / 'cache'}", "data.image_size=8")
    runs = [make_run(tmp_path / f"seed{seed}", "model=dnn", f"seed={seed}", *data) for seed in (1, 2)]
    listen()
    found = run_compare(*runs, out=str(tmp_path / "out"))
    assert found["images"] == 3
    assert found["cka"] == []
    assert "layers see: only 3 test images." in caplog.text
    assert not (tmp_path / "out" / "layers.png").exists()
    assert (tmp_path / "out" / "disagreements.png").is_file()


@pytest.mark.slow
def test_checkpoints_alone(
    dnn: Path,
    cnn: Path,
    found: dict[str, Any],
    tmp_path: Path,
    listen: Callable[[], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    lone = [tmp_path / "a" / "mine.ckpt", tmp_path / "b" / "mine.ckpt"]
    for run, file in zip((dnn, cnn), lone, strict=True):
        file.parent.mkdir()
        shutil.copy(run / "checkpoints" / "best.ckpt", file)
    listen()
    alone = run_compare(*lone)
    assert {**alone, "runs": 0, "checkpoints": 0} == {**found, "runs": 0, "checkpoints": 0}
    folder = tmp_path / "a" / "mine" / "comparison" / "b" / "mine"
    assert (folder / "disagreements.png").is_file()
    assert not (folder / "curves.png").exists()
    assert "No learning curves: a/mine" in caplog.text


def test_many_options(dnn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of hundreds that differ the first stand in the console, all in the file."""
    run = restore(dnn, accelerator="cpu")
    other = replace(run, config={**run.config, "seed": 7, "extra": {f"key{n}": n for n in range(300)}})
    one = replace(run, config={**run.config, "extra": {f"key{n}": -n - 1 for n in range(300)}})
    write_option_differences(tmp_path, [one, other])
    assert len(rows(tmp_path / "options.csv")) == 301
    assert sum("extra.key" in line for line in capsys.readouterr().out.splitlines()) == MAX_OPTIONS - 1


def test_a_room_that_one_run_lacks_is_one_difference() -> None:
    one = {"a": 1, "callbacks": {"curves": {"_target_": "x.y.Curves", "every": 1}}, "same": {"b": 2}}
    assert list(option_differences(one, {"callbacks": {}, "same": {"b": 2}, "c": {"d": 3}})) == [
        ("a", "1", "–"),
        ("callbacks.curves", "Curves", "–"),
        ("c", "–", "d"),
    ]


@pytest.mark.parametrize("form", ["runs=[{},{}]", "runs=[{}, {}]"])
def test_names_of_runs_are_taken_to_the_letter(form: str, tmp_path: Path) -> None:
    odd = [tmp_path / name for name in ("a, [b] = 'ü' 한글 $x", "b (1), c")]
    for folder in odd:
        folder.mkdir()
    command = Command(CONF, "compare")
    assert split([form.format(*odd)], command).value("runs") == [str(folder) for folder in odd]
    assert split(["runs=[a/b, c/d,e]"], command).value("runs") == ["a/b", "c/d", "e"], "where none exists"


@pytest.mark.slow
def test_the_command(dnn: Path, tmp_path: Path) -> None:
    odd = tmp_path / "a, [b] = 'ü' 한글 $x"
    shutil.copytree(dnn, odd, ignore=shutil.ignore_patterns("comparison"))
    out = tmp_path / "out, 1"
    done = command(f"runs=[{odd}, {dnn}]", f"out={out}", "accelerator=cpu", script="scripts/compare.py")
    assert done.returncode == 0, done.stderr
    assert "All options are the same." in done.stdout
    assert "p = 1 in McNemar's exact test" in done.stdout
    assert json.loads((out / "comparison.json").read_text())["runs"] == [str(odd), str(dnn)]
