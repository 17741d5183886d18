"""What is told of two runs is what their nets do."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pellucid.commands.compare import comparison
from pellucid.commands.compare.comparison import MAX_OPTIONS, write_option_differences
from pellucid.engine.loaded_run import restore
from pellucid.metrics.similarity import cka
from pellucid.system.console import _Console, _Kept
from tests.commands.compare.runs import predicted, rows, run_compare
from tests.helpers import metrics


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
    (logits, true), (other_logits, same) = predicted(dnn), predicted(cnn)
    assert torch.equal(true, same)
    one, other = logits.argmax(dim=1), other_logits.argmax(dim=1)
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
    assert values[-1][-1] == pytest.approx(cka(logits.numpy(), other_logits.numpy()), abs=1e-5)
    assert -0.1 < np.min(values) < np.max(values) < 1
    for name in ("curves", "layers", "disagreements"):
        with Image.open(folder / f"{name}.png") as picture:
            assert picture.width > 300


def test_no_number_is_cut_beside_long_names(monkeypatch: pytest.MonkeyPatch) -> None:
    sides = [SimpleNamespace(name=f"a_name_that_fills_the_half_of_a_line_{index}") for index in (1, 2)]
    content = {
        "images": 359, "only_first": 2, "only_second": 5, "p": 0.45,
        "metrics": {"accuracy": [0.9499, 0.9582]}, "interval_methods": {"accuracy": "Agresti and Min"},
        "intervals": {"accuracy": [-0.0054, 0.0221]},
    }  # fmt: skip
    shown = _Kept()
    monkeypatch.setattr(comparison, "console", _Console(file=shown, width=80))
    comparison._print_two(sides, content, "got right", "McNemar's exact test")  # type: ignore[arg-type]
    (row,) = [line for line in shown.getvalue().splitlines() if "│ accuracy" in line]
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells == ["accuracy", "0.9499", "0.9582", "+0.0083", "−0.0054 to +0.0221"]


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


def test_many_options(dnn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of hundreds that differ the first stand in the console, all in the file."""
    run = restore(dnn, accelerator="cpu")
    other = replace(run, config={**run.config, "seed": 7, "extra": {f"key{n}": n for n in range(300)}})
    one = replace(run, config={**run.config, "extra": {f"key{n}": -n - 1 for n in range(300)}})
    write_option_differences(tmp_path, [one, other], ["one", "other"])
    assert len(rows(tmp_path / "options.csv")) == 301
    assert sum("extra.key" in line for line in capsys.readouterr().out.splitlines()) == MAX_OPTIONS - 1


@pytest.mark.slow
def test_three_classifiers(dnn: Path, cnn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = run_compare(dnn, cnn, dnn, out=str(tmp_path))
    two = run_compare(dnn, cnn, out=str(tmp_path / "two"))
    assert found["metrics"]["accuracy"] == [*two["metrics"]["accuracy"], two["metrics"]["accuracy"][0]]
    assert [(pair["first"], pair["second"]) for pair in found["pairs"]] == [(0, 1), (0, 2), (1, 2)]
    first, itself, back = found["pairs"]
    assert (first["only_first"], first["only_second"]) == (two["only_first"], two["only_second"])
    assert (back["only_first"], back["only_second"]) == (two["only_second"], two["only_first"])
    assert first["p"] == back["p"] == two["p"] < itself["p"] == 1
    assert first["p_holm"] == back["p_holm"] == pytest.approx(min(1, 3 * two["p"]))
    low, high = found["metric_intervals"]["accuracy"][0]
    assert low < found["metrics"]["accuracy"][0] < high
    assert len(set(found["names"])) == 3
    differ = rows(tmp_path / "disagreements.csv")
    assert len(differ) == len(rows(tmp_path / "two" / "disagreements.csv"))
    assert list(differ[0])[2::2] == found["names"]
    assert {row["option"] for row in rows(tmp_path / "options.csv")} >= {"seed", "model.channels"}
    assert len(list((tmp_path / "layers").glob("*.png"))) == 3
    for name in ("curves", "agreement", "disagreements"):
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert picture.width > 300
