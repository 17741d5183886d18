"""Every notebook runs from top to bottom, as who opens it for the first time has it."""

from __future__ import annotations

import os
import runpy
from pathlib import Path

import pytest

from tests.helpers import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_stored_without_outputs(path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    first, last = notebook.cells[0].source, notebook.cells[-1].source
    assert first.startswith("# ")
    assert "## To try\n" in last
    assert "can mislead" in "\n".join(cell.source for cell in notebook.cells)


def test_there_is_one_for_each_document() -> None:
    assert len(NOTEBOOKS) >= 6


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::Warning")  # of Jupyter's own packages
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("nbclient")
    run_notebook = runpy.run_path(str(ROOT / "docs" / "site_pages.py"))["run_notebook"]
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # threads that wait for each other would count
    start = os.times()
    notebook = run_notebook(path, tmp_path)  # the site shows what it gave
    end = os.times()  # the processor's: the clock's depends on what else runs
    seconds = end.children_user + end.children_system - start.children_user - start.children_system
    assert 0 < seconds < 2 * 120, "two minutes of two cores"
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []
    pictures = [output for output in outputs if "data:image/png" in str(output.get("data", {}))]
    assert len(pictures) >= 3
