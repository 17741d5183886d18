"""A table of runs, as a paper shows them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pellucid.api.result import Result
from pellucid.api.run import Run, call


def table(runs: Run | str | Path | Sequence[Run | str | Path], **options: Any) -> Result:
    """Means over seeds with 95 % intervals, on validation and test, a row for each value of ``by``.

    ``runs``: runs, names, folders, patterns, sweeps; options are those of the command, ``by="optimizer.lr"``,
    ``metrics=["accuracy", "loss"]``. Rows: numbers; saved as ``.md``, ``.tex`` or ``.csv``. Raises UserError.
    """
    given = [runs] if isinstance(runs, Run | str | Path) else list(runs)
    sources = [run.folder if isinstance(run, Run) else run for run in given]
    found, text = call("table", (), {"runs": sources, **options})
    return Result(text, found["rows"], texts={".md": found["markdown"], ".tex": found["latex"]})
