"""One JSON object on standard output, whatever a command finds or refuses; all else on standard error."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.commands.json_output import found, mistaken
from tests.helpers import ROOT, metrics


def typed(script: str, *argv: str, cwd: Path) -> tuple[int, Any, str]:
    done = subprocess.run(
        [sys.executable, str(ROOT / script), *argv, "--json"],
        capture_output=True,
        text=True,
        cwd=cwd,
        check=False,
    )
    return done.returncode, json.loads(done.stdout), done.stderr


def test_values_as_json_has_them() -> None:
    value = {
        "a": np.float32(0.5),
        "b": [np.arange(2), float("nan"), float("inf")],
        Path("c"): (Path("d"), None),
    }
    assert json.loads(found("x", value)) == {
        "format": 1,
        "command": "x",
        "result": {"a": 0.5, "b": [[0, 1], None, None], "c": ["d", None]},
    }
    assert json.loads(mistaken("x", "schön")) == {"format": 1, "command": "x", "error": "schön"}


@pytest.mark.slow
def test_a_training_and_a_question(tmp_path: Path) -> None:
    line = ("model=dnn", "trainer.max_epochs=1", "report=false", "callbacks=none", "logger=none")
    code, content, told = typed("train.py", *line, cwd=tmp_path)
    folder = Path(content["result"]["folder"])
    assert (code, content["command"]) == (0, "train")
    assert content["result"]["test/accuracy"] == metrics(folder)["test/accuracy"]
    assert "Best epoch 1" in told
    code, content, told = typed("scripts/evaluate.py", "run=last", cwd=tmp_path)
    assert code == 0
    assert content["result"][0]["test/accuracy"] == pytest.approx(metrics(folder)["test/accuracy"])
    assert "By class" in told


def test_a_mistake(tmp_path: Path) -> None:
    code, content, told = typed("scripts/evaluate.py", "run=nowhere", cwd=tmp_path)
    assert (code, content["command"]) == (2, "evaluate")
    assert content["error"].startswith("nowhere: this folder does not exist")
    assert "error: nowhere" in told
    code, content, _ = typed("train.py", "--cfg", "job", cwd=tmp_path)
    assert code == 2
    assert content["error"].startswith("--json: of what is done")


@pytest.mark.slow
def test_a_sweep_and_one_with_a_failed_trial(tmp_path: Path) -> None:
    line = (
        "model=dnn",
        "trainer.max_epochs=1",
        "report=false",
        "callbacks=none",
        "logger=none",
        "sweep.name=a",
    )
    rates = "optimizer.lr=1e-3,1e-2"
    code, content, told = typed("train.py", "-m", *line, rates, "seed=0,1", cwd=tmp_path)
    result = content["result"]
    assert (code, result["folder"]) == (0, str(tmp_path / "outputs" / "sweeps" / "a"))
    assert [trial["options"] for trial in result["trials"]] == [
        {"optimizer.lr": 1e-3},
        {"optimizer.lr": 1e-2},
    ]
    best = max(result["trials"], key=lambda trial: trial["value"])
    assert best["number"] == result["best"]
    assert best["value"] == pytest.approx(np.mean(list(best["runs"].values())))
    assert "Sweep a: 2 finished of 2 trials." in told
    wrong = ("optimizer.lr=1e-3,1e38", "hydra/launcher=joblib", "hydra.launcher.n_jobs=1", "sweep.name=b")
    code, content, _ = typed("train.py", "-m", *line[:-1], *wrong, cwd=tmp_path)
    assert code == 1, content
    assert [trial["state"] for trial in content["result"]["trials"]] == ["finished", "failed"]
