"""A table of runs from Python."""

from __future__ import annotations

from pathlib import Path

import pytest

import pellucid
from tests.commands.table.runs import accuracies, fake_run


def test_a_table_of_runs_is_a_result(tmp_path: Path) -> None:
    for seed in (0, 1):
        fake_run(tmp_path / str(seed), seed=seed, figures=accuracies(0.5, 0.8 + seed / 10))
    found = pellucid.table([tmp_path / "0", pellucid.load(tmp_path / "1")], by="model", metrics=["accuracy"])
    (row,) = found.rows
    assert row["test/accuracy"] == pytest.approx(0.85)
    assert row["n"] == 2
    assert "| cnn" in repr(found)
    assert found.save(tmp_path / "a.tex").read_text().startswith(r"\begin{table}")
    assert found.save(tmp_path / "a.md").read_text().startswith("| model")
    assert found.save(tmp_path / "a.csv").read_text().startswith("model,n,")
    assert pellucid.table(str(tmp_path)).rows == found.rows, "by model of itself"
    with pytest.raises(pellucid.UserError, match="no such metric"):
        pellucid.table(tmp_path, metrics="acuracy")
