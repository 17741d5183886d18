"""A sweep's table and page say what its storage says."""

from __future__ import annotations

import csv
import errno
import json
import shutil
from pathlib import Path

import pytest

from pellucid.errors import UserError
from pellucid.run.folder import Run
from pellucid.sweep.summary import write_report
from pellucid.system.files import write_atomically
from tests.sweep.conftest import GRID, SLOW, FakeTraining, Sweep, folder, rows


@SLOW
def test_the_report_says_what_the_sampler_was_told(sweep: Sweep, training: FakeTraining) -> None:
    """Whatever has become of the runs since, and wherever it is written."""
    training.result = lambda config: {1e-3: 0.3, 1e-2: 0.5, 1e-1: 0.4}[config["optimizer"]["lr"]]
    assert sweep("optimizer.lr=1e-3,1e-2,1e-1", "sweep.name=a").code == 0
    Run(folder("a") / "0").record({"val/accuracy": 0.9})
    shutil.rmtree(folder("a") / "1")
    (folder("a") / "2" / "metrics.csv").write_text("epoch,val/accuracy\nx,\n1\n,,,\n")
    before = (folder("a") / "report.html").read_bytes()
    write_report(folder("a"), storage=None, out=Path("elsewhere"))
    with Path("elsewhere", "trials.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert [(row["state"], row["val/accuracy"]) for row in found] == [
        ("finished", "0.3"),
        ("finished", "0.5"),
        ("finished", "0.4"),
    ]
    assert (folder("a") / "report.html").read_bytes() == before


@SLOW
def test_a_report_that_cannot_be_written_ends_no_sweep(
    sweep: Sweep, training: FakeTraining, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [OSError(errno.EACCES, "Permission denied"), OSError(errno.EACCES, "Permission denied")]

    def hindered(path: Path, content: bytes) -> None:
        if left and path.name == "report.html":
            raise left.pop()
        write_atomically(path, content)

    monkeypatch.setattr("pellucid.sweep.summary.write_atomically", hindered)
    ended = sweep("optimizer.lr=1e-3,1e-2,1e-1", "sweep.name=a")
    assert ended.code == 0
    assert (ended.out + ended.err).count("report could not be written") == 2
    assert [row["state"] for row in rows("a")] == ["finished"] * 3


def test_a_storage_is_opened_where_it_is_the_sweep_s(
    sweep: Sweep, training: FakeTraining, tmp_path: Path
) -> None:
    """A folder of anybody's may name any server or file."""
    assert sweep(GRID, "sweep.name=a", "sweep.storage=sqlite:///own.db").code == 0
    folder = tmp_path / "outputs" / "sweeps" / "a"
    write_report(folder, storage=None, out=None)
    definition = json.loads((folder / "sweep.json").read_text())
    for url in ("sqlite:///new.db", "sqlite:///other.db", "postgresql://host/db", "mysql+x://host/db"):
        (tmp_path / "other.db").touch()
        (folder / "sweep.json").write_text(json.dumps({**definition, "storage": url}))
        with pytest.raises(UserError, match="Name it"):
            write_report(folder, storage=None, out=None)
    assert not (tmp_path / "new.db").exists()
    assert (tmp_path / "other.db").stat().st_size == 0
