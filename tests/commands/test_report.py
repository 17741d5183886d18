"""The command report: what it refuses, what it does without the data, and what it says."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pellucid.errors import UserError
from pellucid.run.folder import Run
from tests.helpers import command, make_run
from tests.report.run.written import changed, digits_run, hostile_run, run_report


def test_the_page_is_written_and_nothing_else_is_said(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "model=dnn", "data=digits")
    done = command(f"run={run}", "seconds=0", "accelerator=cpu", script="scripts/report.py", cold=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Written: {run}/report.html")
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.slow
def test_without_its_photos_a_run_still_has_a_page(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = Path(shutil.copytree(hostile_run(tmp_path_factory), tmp_path / "run"))
    root = Path(Run(folder).config()["data"]["root"])
    moved = Path(shutil.copytree(root, tmp_path / "moved"))
    config = folder / ".hydra" / "config.yaml"
    config.write_text(config.read_text("utf-8").replace(str(root), str(tmp_path / "gone")), "utf-8")
    page = run_report(folder, out=str(tmp_path / "out")).read_text(encoding="utf-8")
    assert "could not be read here" in page
    assert 'id="curves"' in page
    assert 'id="mistakes"' not in page
    whole = run_report(folder, data=changed(f"data.root={moved}")).read_text(encoding="utf-8")
    assert 'id="mistakes"' in whole
    with pytest.raises(UserError, match="nowhere"):
        run_report(folder, data=changed(f"data.root={tmp_path / 'nowhere'}"))


@pytest.mark.slow
def test_a_checkpoint_alone_has_a_page(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    trained = digits_run(tmp_path_factory)
    alone = Path(shutil.copy(trained / "checkpoints" / "best.ckpt", tmp_path / "mine.ckpt"))
    path = run_report(alone)
    assert path == tmp_path / "mine" / "report.html"
    page = path.read_text(encoding="utf-8")
    assert 'id="mistakes"' in page
    assert 'id="curves"' not in page


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no run folder"):
        run_report(tmp_path)
    with pytest.raises(UserError, match="expected 0 or more"):
        run_report(tmp_path, seconds=-1.0)
