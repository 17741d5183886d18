"""Writes the page of a run: at the end of its training, or whenever it is come back to."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from pellucid.assemble import make_explainers
from pellucid.data.base import ImageData
from pellucid.errors import UserError, first_line
from pellucid.inside.untouched import untouched
from pellucid.outcome import Outcome, outcome
from pellucid.report.run import page
from pellucid.report.subject import Subject
from pellucid.system.files import write_atomically
from pellucid.trained import Changed, Placed, Trained, restore

log = logging.getLogger(__name__)

NAME = "report.html"
SECONDS = 2.5  # that explaining may take at the end of a training
SPLIT = ("val_fraction", "test_fraction", "seed")  # options of data that say which image is where


def report(
    run: str,
    *,
    checkpoint: str,
    seconds: float,
    accelerator: str,
    packages: Sequence[str] = (),
    data: Changed,
    out: str | None,
) -> Path:
    """Write the page of a run, or of a checkpoint, and say where.

    ``seconds``: as long may explaining take. Where the run's data cannot be read any more, the page goes
    without its images. Raises UserError; also for ``data`` that were named and cannot be read.
    """
    if seconds < 0:
        raise UserError(f"seconds={seconds}: expected 0 or more.")
    trained = restore(run, checkpoint=checkpoint, accelerator=accelerator, packages=packages)
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
    folder = trained.place(out, "")
    same = images is None or _as_trained(trained, images, data)
    if not same:
        log.warning("These are not the images of the training: the page goes without what was kept of those.")
    path = write_page(
        trained.placed(), images, seen, folder, seconds=seconds, why_no_data=why, as_trained=same
    )
    log.info("Written: %s (%.1f MB). Open it in any browser.", path, path.stat().st_size / 1e6)
    return path


def _as_trained(trained: Trained, images: ImageData, data: Changed) -> bool:
    """Whether the splits hold the images that the run has seen, in the same places."""
    noted = trained.run.metrics() if trained.run else {}
    own, now = trained.config["data"], data(trained.config)
    known = {
        "data/fingerprint": images.fingerprint(),
        **{f"data/{name}": len(split) for name, split in images.splits.items()},
    }
    return all(noted.get(key, value) == value for key, value in known.items()) and all(
        own.get(name) == now.get(name) for name in SPLIT
    )


def write_page(
    placed: Placed,
    data: ImageData | None,
    seen: Outcome | None,
    folder: Path,
    *,
    seconds: float = SECONDS,
    why_no_data: str = "",
    as_trained: bool = True,
    status: str | None = None,
) -> Path:
    """``report.html`` in that folder, whole or not at all; the net is left as it is.

    ``status``: the run's, when the page will have been written; None: as it is noted.
    """
    explainers = make_explainers(placed.trained.config)
    noted = placed.trained.run.metrics() if placed.trained.run else {}
    noted |= {} if status is None else {"status": status}
    subject = Subject(placed, data, seen, explainers, noted, seconds=seconds, as_trained=as_trained)
    with untouched(subject.net):
        text = page(subject, why_no_data=why_no_data)
    path = folder / NAME
    write_atomically(path, text.encode())
    return path
