"""What tta and a temperature have changed, as rows and files say it."""

from __future__ import annotations

import csv
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pellucid.commands.evaluate import evaluate
from pellucid.errors import UserError
from tests.helpers import command, make_run, once


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def make(path: Path) -> None:
        make_run(path, "model=dnn", "data=digits", "trainer.max_epochs=2", "optimizer.lr=3e-3")

    return once(tmp_path_factory, "adjusted_command", make)


def run_evaluate(run: Path, out: Path, **given: Any) -> dict[str, Any]:
    (row,) = evaluate(str(run), accelerator="cpu", out=str(out), **given)
    return row


def test_plain_files_stay_and_others_say_what_they_are(
    trained: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="pellucid")
    plain = run_evaluate(trained, tmp_path)
    before = {path: path.read_bytes() for path in (tmp_path / "best_test").iterdir()}
    both = run_evaluate(trained, tmp_path, tta="flip", calibrate=True)
    assert {path: path.read_bytes() for path in (tmp_path / "best_test").iterdir()} == before
    assert {name: both[name] for name in plain} == plain, "the figures without are bitwise as they were"
    folder = tmp_path / "best_test_flip_calibrated"
    content = json.loads((folder / "metrics.json").read_text())
    assert content["tta"] == "flip"
    assert content["plain_metrics"] == json.loads(before[tmp_path / "best_test" / "metrics.json"])["metrics"]
    assert content["metrics"]["accuracy"] == both["test/accuracy/flip"]
    gain = both["test/accuracy/flip"] - both["test/accuracy"]
    assert both["test/accuracy/flip/gain"] == content["gains"]["accuracy"] == pytest.approx(gain)
    assert both["test/accuracy/flip/gain_interval"] == tuple(content["gain_intervals"]["accuracy"])
    assert both["temperature"] == content["temperature"]["temperature"]
    assert both["test/nll/after"] == content["calibration"]["nll"]["after"]
    assert both["test/ece/after"] == pytest.approx(content["ece"], abs=1e-6)
    rows = list(csv.DictReader((folder / "images.csv").read_text().splitlines()))
    of_true_N = [float(row[f"probability_{row['class']}"]) for row in rows]
    assert -np.log(of_true_N).mean() == pytest.approx(both["test/nll/after"], rel=1e-3)
    for name in ("calibration", "risk_coverage"):
        with Image.open(folder / f"{name}.png") as picture:
            assert picture.width > 300
    kept = json.loads((trained / "temperature.json").read_text())
    assert [each["tta"] for each in kept["temperatures"]] == ["flip"]
    assert "Kept with the run" in caplog.text
    caplog.clear()
    run_evaluate(trained, tmp_path)
    assert "Without the temperature that is kept with the run" in caplog.text
    on_val = run_evaluate(trained, tmp_path, tta="flip", calibrate=True, split="val")
    assert on_val["val/nll/after"] < on_val["val/nll/before"]
    assert "fitted on these very images" in caplog.text
    (trained / "temperature.json").unlink()


def test_what_cannot_be_adjusted_says_so(trained: Path, tmp_path: Path) -> None:
    redraws = make_run(tmp_path / "run", "model=autoencoder")
    for run, given, message in (
        (trained, {"tta": "flop"}, "tta=flop: expected none, flip, five or ten"),
        (trained, {"tta": "flip", "checkpoint": "all"}, "checkpoint=all is of plain figures"),
        (redraws, {"tta": "flip"}, "Reconstruction predicts none of them"),
        (redraws, {"calibrate": True}, "predicts no probabilities"),
    ):
        with pytest.raises(UserError, match=message):
            run_evaluate(run, tmp_path, **given)


def test_all_mistakes_of_a_line_at_once_before_torch(trained: Path) -> None:
    done = command(
        f"run={trained}",
        "images=x",
        "tta=mirror",
        "calibrate=maybe",
        "threshold=1.5",
        "risk=0",
        script="scripts/predict.py",
    )
    assert done.returncode == 2
    for text in (
        "tta: expected one of none, flip, five, ten",
        "calibrate: expected true or false",
        "threshold: expected more than 0 and less than 1, got 1.5",
        "risk: expected more than 0 and less than 1, got 0",
        "risk: without effect",
    ):
        assert text in done.stderr
    done = command(
        f"run={trained}", "checkpoint=all", "tta=flip", "calibrate=true", script="scripts/evaluate.py"
    )
    assert done.returncode == 2
    for option in ("tta", "calibrate"):
        assert f"{option}: without effect, as checkpoint=all is of plain figures" in done.stderr
