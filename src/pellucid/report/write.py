"""Writes the page of a run: at the end of its training, or whenever it is come back to."""

from __future__ import annotations

import logging
from pathlib import Path

from pellucid.assemble import make_explainers
from pellucid.data.base import ImageData
from pellucid.errors import UserError, first_line
from pellucid.inside.untouched import untouched
from pellucid.outcome import Outcome, outcome
from pellucid.report.run import page
from pellucid.report.subject import Subject
from pellucid.run import write_atomically
from pellucid.trained import Changed, Placed, restore

log = logging.getLogger(__name__)

NAME = "report.html"
SECONDS = 2.5  # that explaining may take at the end of a training


def report(
    run: str, *, checkpoint: str, seconds: float, accelerator: str, data: Changed, out: str | None
) -> Path:
    """Write the page of a run, or of a checkpoint, and say where.

    ``seconds``: as long may explaining take. Where the run's data cannot be read any more, the page goes
    without its images. Raises UserError; also for ``data`` that were named and cannot be read.
    """
    if seconds < 0:
        raise UserError(f"seconds={seconds}: expected 0 or more.")
    trained = restore(run, checkpoint=checkpoint, accelerator=accelerator)
    images: ImageData | None = None
    why = ""
    try:
        images = trained.data(data)
    except UserError as error:
        if data(trained.config) != trained.config["data"]:
            raise
        why = first_line(error)
        log.warning("The page goes without images, as the run's data cannot be read: %s", why)
    seen = outcome(trained, images, "test") if images else None
    folder = Path(out).expanduser().absolute() if out else trained.folder
    path = write_page(trained.placed(), images, seen, folder, seconds=seconds, why_no_data=why)
    log.info("Written: %s (%.1f MB). Open it in any browser.", path, path.stat().st_size / 1e6)
    return path


def write_page(
    placed: Placed,
    data: ImageData | None,
    seen: Outcome | None,
    folder: Path,
    *,
    seconds: float = SECONDS,
    why_no_data: str = "",
) -> Path:
    """``report.html`` in that folder, whole or not at all; the net is left as it is."""
    explainers = make_explainers(placed.trained.config)
    subject = Subject(placed=placed, data=data, outcome=seen, explainers=explainers, seconds=seconds)
    with untouched(subject.net):
        text = page(subject, why_no_data=why_no_data)
    path = folder / NAME
    write_atomically(path, text.encode())
    return path
