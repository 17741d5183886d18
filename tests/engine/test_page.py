"""The page at the end of a training."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import make_run, metrics


def test_a_page_that_fails_does_not_fail_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.report.run.page.page", lambda *given, **more: 1 / 0)
    folder = make_run(tmp_path / "run", "model=dnn", "model.hidden=[4]", "report=true")
    assert metrics(folder)["status"] == "finished"
    assert metrics(folder)["look/failed/report"] == 1
    assert "ZeroDivisionError" in (folder / "train.log").read_text()
    assert not (folder / "report.html").exists()
