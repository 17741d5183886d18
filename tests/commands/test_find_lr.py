"""The command find_lr: its figure and numbers, the same each time, its mistakes."""

from __future__ import annotations

import json
from pathlib import Path

from tests.helpers import command

SCRIPT = "scripts/find_lr.py"
SMALL = ["model=dnn", "data.batch_size=128", "trainer=cpu"]


def test_a_rate_and_its_curve(tmp_path: Path) -> None:
    done = command(*SMALL, f"out={tmp_path}", "--json", script=SCRIPT)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["result"] if "result" in done.stdout else json.loads(done.stdout)
    rate = found["lr"]
    assert 1e-4 < rate < 1e-1
    assert {path.name for path in tmp_path.iterdir()} == {"learning_rate.png", "learning_rate.csv"}
    names, *rows = (tmp_path / "learning_rate.csv").read_text().splitlines()
    assert names == "lr,loss,loss/smoothed"
    assert len(rows) == found["steps"]
    again = command(*SMALL, f"out={tmp_path}", script=SCRIPT)
    assert again.stdout.startswith(f"optimizer.lr={rate:g}   two thirds through the longest fall")
    assert again.stderr == ""


def test_its_mistakes(tmp_path: Path) -> None:
    done = command(*SMALL, "recipe=fast", "scheduler=cosine", script=SCRIPT)
    assert done.returncode == 2
    assert "recipe=fast: find_lr has no such option" in done.stderr
    assert "scheduler=cosine: find_lr has no such option" in done.stderr
    done = command(*SMALL, "rule=fastest", "steps=many", "optimizer.groups.backbone=2", script=SCRIPT)
    assert done.returncode == 2
    for said in ("rule: expected", "steps: expected a whole number", "groups.backbone=2"):
        assert said in done.stderr
    done = command(*SMALL, "low=1", "high=0.1", "steps=2", "seed=x", f"out={tmp_path}", script=SCRIPT)
    assert done.returncode == 2  # all at once, as what is found before torch is imported
    for said in ("expected two learning rates, 0 < low < high", "steps=2: expected", "seed: expected"):
        assert said in done.stderr
