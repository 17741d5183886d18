"""Test a run's checkpoints."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from rich.table import Table

from pellucid.assemble import make_data, restore_task
from pellucid.checkpoint import load_checkpoint
from pellucid.console import console
from pellucid.data.base import ImageData
from pellucid.data.spec import Spec
from pellucid.errors import UserError, first_line
from pellucid.process import check_device, quiet_warnings
from pellucid.run import Run

log = logging.getLogger(__name__)


def evaluate(run: Run, *, checkpoint: str, accelerator: str) -> list[dict[str, Any]]:
    """Validation and test metrics of the checkpoints, printed as a table; one row each.

    ``checkpoint``: best, last, all, or a path. The data are those of the run's configuration.
    """
    check_device({"accelerator": accelerator})
    rows: list[dict[str, Any]] = []
    data = None
    for path in find_checkpoints(run, checkpoint):
        content = load_checkpoint(path)
        task, spec = restore_task(content)
        if data is None:
            data = restore_data(content["pellucid"]["config"], spec)
        try:
            trainer = Trainer(
                accelerator=accelerator,
                devices=1,
                logger=False,
                precision=content["pellucid"]["config"]["trainer"]["precision"],
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
            )
        except (MisconfigurationException, ValueError) as error:
            raise UserError(f"accelerator={accelerator}: {first_line(error)}") from error
        row: dict[str, Any] = {"checkpoint": path.name, "epoch": content["epoch"] + 1}
        with quiet_warnings():
            for pass_over in (trainer.validate, trainer.test):
                pass_over(task, datamodule=data, verbose=False)
                row |= {name: float(value) for name, value in trainer.callback_metrics.items()}
        rows.append(row)
    console.print(_table(rows, f"{data.source if data else ''}"))
    return rows


def find_checkpoints(run: Run, which: str) -> list[Path]:
    """The files that best, last, all or a path stand for. Raises UserError where there are none."""
    if which == "all":
        found = run.kept_checkpoints()
    else:
        found = [{"best": run.best, "last": run.last}.get(which) or Path(which).expanduser()]
        found = [path for path in found if path.is_file()]
    if not found:
        kept = ", ".join(path.name for path in run.kept_checkpoints()) or "none"
        raise UserError(
            f"checkpoint={which}: {run.folder} has no such checkpoint. It has: {kept}. "
            "Expected best, last, all or the path of a checkpoint."
        )
    return found


def restore_data(config: dict[str, Any], spec: Spec) -> ImageData:
    """The data of a run at the size that its net was built for, read. Raises UserError if they changed."""
    data = make_data(config)
    if data.spec.classes != spec.classes:
        raise UserError(
            f"The data have {len(data.spec.classes)} classes now, the run was trained on "
            f"{len(spec.classes)}: {', '.join(spec.classes[:20])}."
        )
    if data.size_is_open and data.spec != spec:
        data.enlarge(spec.image_shape[1])
    data.prepare_data()
    data.setup()
    return data


def _table(rows: list[dict[str, Any]], title: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim")
    for name in rows[0]:
        table.add_column(name, justify="left" if name == "checkpoint" else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(f"{v:.4f}" if isinstance(v, float) else str(v) for v in row.values()))
    return table
