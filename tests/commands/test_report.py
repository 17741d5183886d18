"""The command report, in a process of its own."""

from __future__ import annotations

from pathlib import Path

from tests.helpers import command, make_run


def test_the_page_is_written_and_nothing_else_is_said(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "model=dnn", "data=digits")
    done = command(f"run={run}", "seconds=0", "accelerator=cpu", script="scripts/report.py", cold=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Written: {run}/report.html")
    assert len(done.stdout.splitlines()) == 1
