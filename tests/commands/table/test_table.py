"""The command table: which runs it takes, and what it writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pellucid.commands.table.table import table
from pellucid.errors import UserError
from tests.commands.table.runs import accuracies, fake_run
from tests.helpers import make_run


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two models of two seeds, one that failed and one that is not finished, in ``outputs``."""
    monkeypatch.chdir(tmp_path)
    for model, test in (("cnn", 0.9), ("dnn", 0.8)):
        for seed in (0, 1):
            figures = accuracies(test, test + seed / 100)
            fake_run(tmp_path / "outputs" / model / str(seed), model=model, seed=seed, figures=figures)
    fake_run(tmp_path / "outputs" / "cnn" / "2", seed=2, status="failed")
    fake_run(tmp_path / "outputs" / "cnn" / "3", seed=3, status="running", figures=accuracies(0, 0))
    return tmp_path / "outputs"


def test_finished_runs_make_the_rows(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = table(str(runs))
    assert [(row["model"], row["n"]) for row in found["rows"]] == [("cnn", 2), ("dnn", 2)]
    assert found["metrics"] == ["accuracy"]
    assert found["rows"][1]["test/accuracy"] == pytest.approx(0.805)
    # 12.7062 × (0.01 / √2) / √2
    assert found["rows"][1]["test/accuracy ci95"] == pytest.approx(12.7062 * 0.005, rel=1e-5)
    reasons = {Path(one["run"]).name: one["reason"] for one in found["left_out"]}
    assert reasons == {"2": "failed", "3": "not finished"}
    assert capsys.readouterr().out.strip() == found["markdown"], "alone, so that it may be piped"


def test_a_file_in_each_format(runs: Path) -> None:
    for form, begins in (("markdown", "| model"), ("latex", r"\begin{table}"), ("csv", "model,n,")):
        path = runs / "new" / f"table.{form}"
        table([str(runs)], metrics=["loss"], format=form, file=str(path))  # type: ignore[arg-type]
        assert path.read_text().startswith(begins)


def test_nothing_finished_is_told(runs: Path) -> None:
    with pytest.raises(UserError, match="none of these 1 can be in a table \\(failed\\)"):
        table(str(runs / "cnn" / "2"))
    with pytest.raises(UserError, match="expected a run at least"):
        table([])


def test_a_run_without_test_figures_is_tested(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", "model=dnn")
    metrics = json.loads((folder / "metrics.json").read_text())
    bare = {name: value for name, value in metrics.items() if not name.startswith("test/")}
    (folder / "metrics.json").write_text(json.dumps(bare))
    (row,) = table(str(folder), accelerator="cpu")["rows"]
    assert row["test/accuracy"] == pytest.approx(metrics["test/accuracy"])
    assert row["val/accuracy"] == metrics["val/accuracy"]
