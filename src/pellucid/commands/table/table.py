"""A table of runs: mean and 95 % interval over seeds, on validation and test, for a paper."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from pellucid.commands.table.results import (
    STAGES,
    Key,
    Result,
    main_metrics,
    read_result,
    tabulate,
)
from pellucid.commands.table.text import (
    left_out_lines,
    result_folders,
    to_csv,
    to_latex,
    to_markdown,
    to_rows,
)
from pellucid.config.command import NameText, PathText
from pellucid.errors import UserError, first_line
from pellucid.run.folder import Run
from pellucid.run.search import find_runs
from pellucid.system.console import console
from pellucid.system.files import check_writable, write_atomically

log = logging.getLogger(__name__)

WRITERS = {"markdown": to_markdown, "latex": to_latex, "csv": to_csv}


def table(
    runs: PathText | Sequence[PathText],
    *,
    by: NameText | Sequence[NameText] = "model",
    metrics: Literal["auto"] | NameText | Sequence[NameText] = "auto",
    format: Literal["markdown", "latex", "csv"] = "markdown",
    accelerator: str = "auto",
    packages: Sequence[str] = (),
    file: PathText | None = None,
) -> dict[str, Any]:
    """Means over the seeds of finished runs, a row for each value of ``by``, shown or written to ``file``.

    ``runs``: folders, folders of runs, patterns, names, sweeps. ``by``: options, dotted, or config groups.
    ``metrics``: without their stage; auto: all but the loss; ``seconds`` are those of the training. Runs
    without test figures are tested. Raises UserError where nothing is finished, and where one row has runs
    of different images.
    """
    target = Path(file).expanduser() if file else None
    if target is not None:
        check_writable(target.parent, f"file={file}", "file=<path>")
    found = find_runs([runs] if isinstance(runs, str) else runs)
    keys = [by] if isinstance(by, str) else list(by)
    asked = None if metrics == "auto" else [metrics] if isinstance(metrics, str) else list(metrics)
    with _told_aside():
        results, left_out = _read(found, asked, accelerator, packages)
    if not found:
        raise UserError("runs: expected a run at least, a folder of runs, a name, or a list of these.")
    if not results:
        reasons = ", ".join(dict.fromkeys(left_out.values()))
        raise UserError(f"runs: none of these {len(found)} can be in a table ({reasons}).")
    names = asked or main_metrics(results)
    made = tabulate(results, keys, names, _directions(results[-1].run, packages), left_out)
    text = WRITERS[format](made)
    with _told_aside():
        for line in (*made.mixed, *left_out_lines(made)):
            log.warning("%s", line)
    if target is None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, f"{text.rstrip()}\n".encode())
        log.info("Written: %s", target)
    return {
        "by": keys,
        "metrics": list(names),
        "rows": [
            {**row, "runs": folders} for row, folders in zip(to_rows(made), result_folders(made), strict=True)
        ],
        "left_out": [{"run": run, "reason": reason} for run, reason in made.left_out.items()],
        "markdown": to_markdown(made),
        "latex": to_latex(made),
    }


def _read(
    runs: Sequence[Run], asked: Sequence[str] | None, accelerator: str, packages: Sequence[str]
) -> tuple[list[Result], dict[str, str]]:
    """What the finished runs have reached; the others, and why they are none."""
    results, left_out = [], {}
    untested = []
    for run in runs:
        status = str(run.metrics().get("status") or "never begun")
        if status != "finished":
            left_out[str(run.folder)] = "not finished" if status == "running" else status
            continue
        figures = _figures(run.metrics())
        if not any(stage == "test" for stage, _ in figures):
            untested.append(run)
        try:
            results.append(read_result(run, figures))
        except UserError as error:
            left_out[str(run.folder)] = first_line(error)
    if untested:
        results = [
            read_result(result.run, {**result.figures, **_tested(result.run, accelerator, packages)})
            if result.run in untested
            else result
            for result in console.track(results, "Testing")
        ]
    return results, left_out


def _figures(values: Mapping[str, Any]) -> dict[Key, float]:
    """Those of the best epoch, by stage and metric."""
    parts = {name: name.partition("/") for name in values}
    return {
        (stage, metric): float(values[name])
        for name, (stage, _, metric) in parts.items()
        if stage in STAGES and isinstance(values[name], int | float)
    }


def _tested(run: Run, accelerator: str, packages: Sequence[str]) -> dict[Key, float]:
    """The test figures of a run that was trained without a test; none where that cannot be made up for."""
    from pellucid.engine.evaluation import evaluation
    from pellucid.engine.loaded_run import restore

    try:
        trained = restore(run.folder, accelerator=accelerator, packages=packages)
        return {("test", name): v for name, v in evaluation(trained, trained.data(), "test").metrics.items()}
    except UserError as error:
        log.warning("%s has no test figures: %s", run.folder, first_line(error))
        return {}


def _directions(run: Run, packages: Sequence[str]) -> dict[str, bool]:
    """Of each metric whether higher is better, as the task says, where it does."""
    from pellucid.engine.loaded_run import restore

    with suppress(UserError):
        metrics = restore(run.folder, accelerator="cpu", packages=packages).task.stage_metrics("val")
        found = {name: metric.higher_is_better for name, metric in metrics.items()}
        return {name: bool(higher) for name, higher in found.items() if higher is not None}
    return {}


@contextmanager
def _told_aside() -> Iterator[None]:
    """On standard error, so that the table may be piped."""
    before, console.stderr = console.stderr, True
    try:
        yield
    finally:
        console.stderr = before
