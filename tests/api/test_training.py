"""Trainings from Python: the run of the command, twice in a process, mistakes raised, curves in a cell."""

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

import pellucid
from pellucid.api.training import LiveCurves, in_notebook
from tests.helpers import same, weights

LINE = ("model=dnn", "data=digits", "report=false", "callbacks=none", "logger=none")


def test_twice_in_one_process_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    line = (*LINE, "trainer.max_epochs=1", "optimizer.weight_decay=1e-4")
    first, second = (pellucid.train(*line) for _ in range(2))
    assert first.folder != second.folder
    assert first.folder.parent == tmp_path / "outputs" / "dnn_digits"
    assert same(weights(first.folder), weights(second.folder))
    assert first.metrics["status"] == "finished"
    assert "weight_decay: 0.0001" in (first.folder / ".hydra" / "config.yaml").read_text(encoding="utf-8")
    assert pellucid.load("last").folder == second.folder
    more = pellucid.train(f"resume={first.folder}", "trainer.max_epochs=2")
    assert more.folder == first.folder
    assert [row["epoch"] for row in more.history.rows] == [1, 2]


def test_mistakes_are_raised_and_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(pellucid.UserError, match=r"model=cn: there is no such"):
        pellucid.train("model=cn")
    with pytest.raises(pellucid.UserError, match=r"takes texts, .* got \['model=cnn'\]"):
        pellucid.train(["model=cnn"])  # type: ignore[arg-type]
    with pytest.raises(pellucid.UserError, match="takes overrides"):
        pellucid.train("-m", "seed=1,2")
    with pytest.raises(pellucid.UserError, match=r"trainer\.devices"):
        pellucid.train(*LINE, "trainer.devices=2")
    assert not list(tmp_path.rglob("*.yaml"))


def test_curves_grow_in_a_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    handle = types.SimpleNamespace(update=shown.append)

    def display(figures: Any, *, display_id: bool) -> Any:
        shown.append(figures)
        return handle

    ipython: Any = types.ModuleType("IPython")
    ipython.version_info = (9, 0, 0)  # which matplotlib asks for
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    of_cells: Any = types.ModuleType("IPython.display")
    of_cells.display = display
    monkeypatch.setitem(sys.modules, "IPython.display", of_cells)
    live = LiveCurves()
    rows = [{"epoch": number, "train/loss": 1 / number} for number in (1, 2, 3)]
    for count in (1, 2, 3):
        live(rows[:count])
    live.finish()
    assert list(shown[0]) == ["curves"]
    assert len(shown) < 5, "drawing takes a share of the time alone"
    assert shown[-1].content("curves") != shown[0].content("curves")
    assert not in_notebook()


def test_quiet_shows_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run = pellucid.train(*LINE, "trainer.max_epochs=1", quiet=True)
    shown = capfd.readouterr()
    assert shown.out == shown.err == ""
    assert "Best epoch 1" in (run.folder / "train.log").read_text(encoding="utf-8")


def test_importing_is_cheap() -> None:
    code = (
        "import sys, pellucid; dir(pellucid); "
        "print(sorted({'torch', 'lightning', 'hydra', 'matplotlib', 'numpy'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert {"train", "load", "explain", "Views", "UserError"} <= set(dir(pellucid))
