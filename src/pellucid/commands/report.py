"""The page of a run that has been trained, written anew."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from pellucid.data.base import ImageData
from pellucid.engine.evaluation import evaluation
from pellucid.engine.trained import Changed, Trained, restore
from pellucid.errors import UserError, first_line
from pellucid.report.run import write_page

log = logging.getLogger(__name__)

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
    seen = evaluation(trained, images, "test") if images else None
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
