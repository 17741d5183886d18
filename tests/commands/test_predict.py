"""What a net says of image files: the same as ever, whatever the files are."""

from __future__ import annotations

import csv
import json
import logging
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from pellucid.commands.evaluate import evaluate
from pellucid.commands.predict import predict
from pellucid.draw.sheet import fit
from pellucid.engine import temperature as temperatures
from pellucid.engine.loaded_run import restore
from pellucid.errors import UserError
from tests.commands.runs import temperature_of
from tests.helpers import make_run, unprivileged


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    data = ("data=catdog", f"data.root={photos}", f"data.cache={folder / 'cache'}", "data.image_size=16")
    return make_run(folder / "run", "model=dnn", *data, "data.batch_size=8")


def run_predict(run: Path, images: Path | str, **given: Any) -> list[dict[str, Any]]:
    options = {"checkpoint": "best", "top": 5, "accelerator": "cpu", "out": None}
    return predict(str(run), images=str(images), **{**options, **given})


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_it_says_what_evaluation_says(trained: Path, photos: Path) -> None:
    own: Any = None
    evaluate(str(trained), checkpoint="best", split="test", accelerator="cpu", data=own, out=None)
    known = {row["file"]: row for row in rows(trained / "evaluation" / "best_test" / "images.csv")}
    said = run_predict(trained, photos / "test")
    assert len(said) == len(known) == 16
    for row in said:
        found = known[str(Path(row["file"]).relative_to(photos))]
        assert row["class"] == found["predicted"]
        assert row["confidence"] == pytest.approx(float(found["confidence"]), abs=1e-5)
        assert row["confidence"] + row["confidence_2"] == pytest.approx(1, abs=1e-5), "of two classes"
    assert [row["class"] for row in rows(trained / "predictions" / "predictions.csv")] == [
        row["class"] for row in said
    ]


def test_names_that_are_no_utf8(trained: Path, photos: Path, tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    shutil.copytree(photos / "test" / "cat", folder)
    run_predict(trained, folder, out=str(tmp_path / "out"))
    assert "/caf\\xe9/" in rows(tmp_path / "out" / "predictions.csv")[0]["file"]
    assert fit("caf\udce9", 9, 8) == "caf\\xe9"


def test_unreadable_files_are_named_and_the_rest_done(
    trained: Path,
    photos: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logging.getLogger("pellucid"), "propagate", True)
    mixed = tmp_path / "a [1] = 한글"
    shutil.copytree(photos / "test" / "cat", mixed)
    (mixed / "0.jpg").write_bytes(b"no image")
    said = run_predict(trained, mixed, out=str(tmp_path / "out"), top=1)
    assert len(said) == 8
    assert "1 of 9 files cannot be read" in caplog.text
    assert "0.jpg" in caplog.text
    written = rows(tmp_path / "out" / "predictions.csv")
    assert len(written) == 9
    assert "damaged, or none of JPEG, PNG" in written[-1]["error"]
    assert "class_2" not in written[0]


def test_an_autoencoder_tells_its_error(tmp_path: Path, photos: Path) -> None:
    data = ("data=catdog", f"data.root={photos}", f"data.cache={tmp_path / 'cache'}", "data.image_size=16")
    run = make_run(tmp_path / "run", "model=autoencoder", *data)
    own: Any = None
    (row,) = evaluate(str(run), checkpoint="best", split="test", accelerator="cpu", data=own, out=None)
    said = run_predict(run, photos / "test")
    assert sum(one["mse"] for one in said) / len(said) == pytest.approx(row["test/mse"], rel=1e-5)


def test_nothing_readable_is_a_mistake(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(b"")
    with pytest.raises(UserError, match="1 file, no image"):
        run_predict(trained, tmp_path)
    with pytest.raises(UserError, match="top=0: expected at least 1"):
        run_predict(trained, tmp_path, top=0)


def test_a_folder_that_cannot_be_looked_into_is_a_mistake_told_at_the_end(
    trained: Path, closed: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(UserError, match=r"secret may not be listed or entered.* Make it readable"):
        unprivileged(lambda: run_predict(trained, closed, out=str(tmp_path / "out")))
    assert "1 of 9 files cannot be read" in caplog.text
    written = rows(tmp_path / "out" / "predictions.csv")
    assert len([row for row in written if row["class"]]) == 8
    assert written[-1]["file"] == str(closed / "secret")
    assert written[-1]["error"] == "a folder that cannot be read"


def test_nothing_but_a_closed_folder_is_a_mistake(trained: Path, closed: Path) -> None:
    for given in (closed / "secret", closed / "secret" / "*.jpg"):
        with pytest.raises(UserError, match="1 file, no image"):
            unprivileged(lambda given=given: run_predict(trained, given))  # type: ignore[misc]


def test_it_abstains_below_a_threshold(
    trained: Path, photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="pellucid")
    mixed = tmp_path / "mixed"
    shutil.copytree(photos / "test" / "cat", mixed)
    (mixed / "broken.jpg").write_bytes(b"no image")
    plain = run_predict(trained, mixed, out=str(tmp_path / "out"))
    threshold = sorted(row["confidence"] for row in plain)[3] + 1e-5  # above four of the eight
    found = run_predict(trained, mixed, out=str(tmp_path / "out"), threshold=threshold)
    assert [row["confidence"] for row in found] == [row["confidence"] for row in plain]
    assert [row["likeliest"] for row in found] == [row["class"] for row in plain]
    assert [row["abstained"] for row in found] == [row["confidence"] < threshold for row in plain]
    assert sum(row["abstained"] for row in found) == 4
    assert all((row["class"] is None) == row["abstained"] for row in found)
    assert "4 of 8 images get no class" in caplog.text
    assert "of uncalibrated confidences: on 6 validation images coverage" in caplog.text
    facts = json.loads((tmp_path / "out" / "predictions.json").read_text())
    assert (facts["threshold"], facts["abstained"], facts["images"]) == (threshold, 4, 8)
    pandas = pytest.importorskip("pandas")
    table = pandas.read_csv(tmp_path / "out" / "predictions.csv")
    assert len(table) == 9
    answered = table[~table.abstained]  # bool, also with a file that cannot be read
    assert len(answered) == 4
    assert answered["class"].notna().all()
    assert table["class"].isna().sum() == 5
    for given, message in (
        ({"threshold": 0.2}, r"threshold=0.2: expected 0.5 up to below 1"),
        ({"threshold": "auto"}, r"6 validation images cannot show that of any threshold"),
        ({"tta": "flop"}, r"tta=flop: expected"),
    ):
        with pytest.raises(UserError, match=message):
            run_predict(trained, mixed, out=str(tmp_path / "out"), **given)


def test_with_tta_and_a_temperature_it_says_what_evaluation_says(
    trained: Path, photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="pellucid")
    plain = run_predict(trained, photos / "test", out=str(tmp_path / "out"))
    own = temperature_of(trained, "flip")
    temperatures.save(trained, own)
    try:
        found = run_predict(trained, photos / "test", out=str(tmp_path / "out"), tta="flip")
        assert all(row["tta"] == "flip" for row in found)
        assert f"temperature {own.temperature:.3g}" in caplog.text
        net = restore(trained, accelerator="cpu").predictor(tta="flip")
        images = restore(trained, accelerator="cpu").data().splits["test"].images(torch.arange(16))
        scores = net.run(net.inputs(images)) / own.temperature
        expected = sorted(scores.softmax(dim=1).max(dim=1).values.tolist())
        assert sorted(row["confidence"] for row in found) == pytest.approx(expected, abs=1e-5)
        off = run_predict(trained, photos / "test", out=str(tmp_path / "out"), tta="flip", calibrate=False)
        assert [row["class"] for row in off] == [row["class"] for row in found]
        assert off != found
        assert run_predict(trained, photos / "test", out=str(tmp_path / "out")) == plain
        assert "is of tta=flip" in caplog.text, "which was not asked for"
    finally:
        (trained / temperatures.NAME).unlink()
