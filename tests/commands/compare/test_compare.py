"""The command compare: on which images and layers, and which runs it refuses."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.commands.compare.compare import compare
from pellucid.config.command import Command
from pellucid.config.command_line import split
from pellucid.engine.loaded_run import restore
from pellucid.errors import UserError
from tests.commands.compare.runs import asked, run_compare
from tests.helpers import CONF, command, make_run


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


def test_runs_that_cannot_be_compared(
    dnn: Path, cnn: Path, redrawing: list[Path], photos: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"nets of one task, got .*classification.*reconstruction"):
        run_compare(dnn, redrawing[0])
    data = ("data=catdog", f"data.root={photos}", f"data.cache={tmp_path / 'cache'}", "data.image_size=8")
    photographed = make_run(tmp_path / "run", "model=dnn", *data)
    with pytest.raises(UserError, match=r"same classes .* 10 \(0, 1, .*\) and 2 \(cat, dog\)"):
        run_compare(dnn, photographed)
    for runs in ([dnn], []):
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
    with pytest.raises(UserError, match=r"no test image of the one .* none was trained on") as told:
        run_compare(*runs)
    assert "runs of one data.seed=<number> have the same" in str(told.value)


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
    assert alone["names"] == ["a", "b"]
    aside = {"runs": 0, "checkpoints": 0, "names": 0}
    assert {**alone, **aside} == {**found, **aside}
    folder = tmp_path / "a" / "mine" / "comparison" / "b" / "mine"
    assert (folder / "disagreements.png").is_file()
    assert not (folder / "curves.png").exists()
    assert "No learning curves: a/mine" in caplog.text


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
