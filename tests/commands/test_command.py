"""Places that a command writes to, and mistakes: told in a paragraph, with nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.runs import QUIET
from tests.helpers import ROOT, command, start


def test_resume_of_a_folder_that_is_no_run(tmp_path: Path) -> None:
    for name in ("", "nowhere"):
        done = command(f"resume={tmp_path / name}")
        assert done.returncode == 2
        assert "Expected the folder of a run" in done.stderr


@pytest.mark.slow
def test_a_run_folder_is_never_overwritten(tmp_path: Path) -> None:
    line = [*QUIET, "model=dnn", "trainer.max_epochs=1", f"hydra.run.dir={tmp_path / 'run'}"]
    assert command(*line).returncode == 0
    before = (tmp_path / "run" / "metrics.json").read_bytes()
    again = command(*line)
    assert again.returncode == 2
    assert "holds a run already" in again.stderr
    assert (tmp_path / "run" / "metrics.json").read_bytes() == before


@pytest.mark.slow
def test_a_mistake_found_late_leaves_nothing(tmp_path: Path) -> None:
    done = command(*QUIET, "data=image_folder", f"data.root={tmp_path}", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's capabilities")
def test_no_permission_to_write(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o555)
    line = [sys.executable, str(ROOT / "train.py"), f"hydra.run.dir={tmp_path / 'closed' / 'run'}"]
    if os.geteuid() == 0:  # root may write anywhere unless it gives that up
        line = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override", *line]
    done = subprocess.run(line, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 2, done.stderr
    assert "not a folder that you may write to" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "name",
    [
        "evaluate",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("predict", "explain", "embed", "units", "compare", "export", "report", "benchmark")
        ),
    ],
)
def test_a_file_is_no_place_to_write_to(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    given = {"compare": ["runs=[a,b]"], "benchmark": []}.get(name, ["run=a"])
    given += ["images=b"] if name in ("predict", "explain") else []
    done = command(*given, f"out={tmp_path / 'file'}", script=f"scripts/{name}.py", cwd=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "is not a folder that you may write to. Choose another one by out=<folder>" in done.stderr


@pytest.mark.slow
def test_two_runs_of_the_same_second_get_two_folders(tmp_path: Path) -> None:
    line = [*QUIET, "model=dnn", "trainer.max_epochs=1"]
    processes = [start(*line, cwd=tmp_path) for _ in range(2)]
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    assert len(list((tmp_path / "outputs" / "dnn_digits").iterdir())) == 2
