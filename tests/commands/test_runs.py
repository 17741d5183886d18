"""The list of runs, their names, and the removal of what failed ones have left."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pellucid.commands.runs import runs
from pellucid.config.command_line import split
from pellucid.config.line_check import compose_line
from pellucid.errors import UserError
from pellucid.run.folder import Run
from tests.config.lines import accepted, problems
from tests.helpers import CONF, command


def begin(
    folder: Path, *, age: int, name: str | None = None, status: str = "finished", **values: float
) -> Run:
    """A run's folder as it is begun, so many seconds ago, with its record."""
    config = compose_line(split([f"name={name}"] if name else []), CONF)
    run = Run.begin(folder, config, config)
    run.record({"status": status, **{key.replace("_", "/"): value for key, value in values.items()}})
    file = folder / ".hydra" / "overrides.yaml"
    os.utime(file, (file.stat().st_mtime - age,) * 2)
    return run


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "outputs"


def test_a_line_for_each_the_newest_last(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    named = outputs / "b" / "2_deeper"
    begin(named, age=5, name="deeper", test_loss=0.1, test_accuracy=0.5, val_accuracy=0.25)
    begin(outputs / "a" / "1", age=9, status="interrupted", val_loss=2.0)
    (outputs / "a" / "1" / "x").write_bytes(bytes(3 * 2**20))
    rows = runs()
    assert [(row["name"], row["state"], row["metric"]) for row in rows] == [
        ("", "interrupted", "val/loss 2.0000"),
        ("deeper", "finished", "test/accuracy 0.5000"),
    ]
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split() == ["name", "state", "begun", "size", "metric", "folder"]
    assert first.split()[0] == "–"
    assert "  3.0 MiB  " in first
    assert first.endswith("  outputs/a/1")
    assert second.endswith("  outputs/b/2_deeper")
    with pytest.raises(UserError, match=r"folder=elsewhere: there are no runs in it"):
        runs(folder="elsewhere")


def test_only_what_came_to_nothing_is_removed(outputs: Path) -> None:
    """Not one that trains, one with a checkpoint, one that was interrupted, and no files of others."""
    begin(outputs / "a" / "failed", age=9, status="failed")
    begin(outputs / "a" / "killed", age=8, status="running")
    notes = begin(outputs / "a" / "noted", age=7, status="failed").folder / "notes.txt"
    notes.touch()
    kept = [begin(outputs / "b" / name, age=6, status=name) for name in ("interrupted", "finished")]
    far = begin(outputs / "b" / "far", age=5, status="failed")
    far.checkpoints.mkdir()
    far.last.touch()
    training = begin(outputs / "b" / "training", age=4, status="running")
    training.lock()
    try:
        assert [row["state"] for row in runs()][:2] == ["failed", "ended"]
        assert (outputs / "a" / "failed").is_dir(), "nothing is removed unasked"
        runs(clean=True)
    finally:
        training.unlock()
    assert [path.name for path in (outputs / "a").iterdir()] == ["noted"]
    assert list(notes.parent.iterdir()) == [notes]
    assert all((run.folder / ".hydra").is_dir() for run in (*kept, far, training))
    left = runs(clean=True)
    assert len(left) == 4, "training has ended unseen since"


def test_a_name_means_the_newest_of_it(outputs: Path) -> None:
    begin(outputs / "a" / "1_deeper", age=9, name="deeper")
    newest = begin(outputs / "b" / "2_deeper", age=5, name="deeper")
    begin(outputs / "b" / "3_much-deeper", age=1, name="much-deeper")
    assert Run.open("deeper").folder == newest.folder
    assert Run.open("outputs/a").name() == "deeper"
    assert newest.name() == "deeper"
    with pytest.raises(UserError, match=r"deper: this folder does not exist.*Did you mean 'deeper'\?"):
        Run.open("deper")


@pytest.mark.parametrize("name", ["deeper", "1.10", "größer", "a, b", "a/b", "last", ".a", "="])
def test_what_a_run_may_be_called(name: str) -> None:
    if name in ("deeper", "1.10", "größer"):
        accepted(f"name={name}")
    else:
        assert "expected letters, digits, spaces" in problems(f"name={name}")
    assert "of a single run" in problems("-m", f"name={name}", "seed=1,2")


@pytest.mark.slow
def test_a_run_bears_its_name(tmp_path: Path) -> None:
    quiet = (
        "trainer=cpu",
        "trainer.max_epochs=1",
        "callbacks=none",
        "model.channels=[4]",
        "model.hidden=[8]",
    )
    done = command("name=1.10", *quiet, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "outputs" / "cnn_digits").iterdir()
    assert folder.name.endswith("_1.10")
    assert "<h1>1.10: cnn on digits</h1>" in (folder / "report.html").read_text()
    told = command("run=1.10", script="scripts/evaluate.py", cwd=tmp_path)
    assert told.stdout.splitlines()[1].startswith("1.10 (best.ckpt, epoch 1)")
    again = command("resume=1.10", "trainer.max_epochs=2", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "epoch 2" in again.stdout
