"""The page of a run that has been trained, or of a sweep, written anew."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.config.command import DataOverride, NameText, PathText
from pellucid.config.data_override import override_data
from pellucid.errors import UserError, first_line

if TYPE_CHECKING:
    from pellucid.data.base import ImageData
    from pellucid.engine.loaded_run import LoadedRun

log = logging.getLogger(__name__)


def report(
    run: PathText | None = None,
    *,
    checkpoint: PathText = "best",
    seconds: float = 60.0,
    accelerator: str = "auto",
    packages: Sequence[str] = (),
    data: DataOverride | None = None,
    sweep: PathText | None = None,
    storage: NameText | None = None,
    out: PathText | None = None,
) -> Path:
    """The page of a run or of a checkpoint, or a sweep's page and table, written; the page's path.

    ``seconds``: as long may explaining take. Where the run's data cannot be read any more, the page goes
    without its images. Raises UserError; also for ``data`` that were named and cannot be read.
    """
    if (run is None) == (sweep is None):
        raise UserError(
            "Of what? One must be given: run=outputs/<model>_<data>/<run> or sweep=outputs/sweeps/<name>"
        )
    if run is not None:
        return _page_of_run(run, checkpoint, seconds, accelerator, packages, data, out)
    from pellucid.sweep.summary import write_report

    folder = Path(out or str(sweep)).expanduser().absolute()
    write_report(Path(str(sweep)), storage=storage, out=folder if out else None)
    return folder / "report.html"


def _page_of_run(
    run: str,
    checkpoint: str,
    seconds: float,
    accelerator: str,
    packages: Sequence[str],
    data: DataOverride | None,
    out: str | None,
) -> Path:
    from pellucid.engine.evaluation import evaluation  # torch, which the page of a sweep does without
    from pellucid.engine.loaded_run import restore
    from pellucid.report.run.page import write_page

    if seconds < 0:
        raise UserError(f"seconds={seconds}: expected 0 or more.")
    trained = restore(run, checkpoint=checkpoint, accelerator=accelerator, packages=packages)
    data_config = override_data(trained.config["data"], data)
    images: ImageData | None = None
    reason = ""
    try:
        images = trained.data(data)
    except UserError as error:
        if data_config != trained.config["data"]:
            raise
        reason = first_line(error)
        log.warning("The page goes without images, as the run's data cannot be read: %s", reason)
    evaluated = evaluation(trained, images, "test") if images else None
    folder = trained.output_folder(out, "")
    same = images is None or _as_trained(trained, images, data_config)
    if not same:
        log.warning("These are not the images of the training: the page goes without what was kept of those.")
    path = write_page(
        trained,
        trained.predictor(),
        images,
        evaluated,
        folder,
        seconds=seconds,
        why_no_data=reason,
        as_trained=same,
    )
    log.info("Written: %s (%.1f MB). Open it in any browser.", path, path.stat().st_size / 1e6)
    return path


def _as_trained(trained: LoadedRun, images: ImageData, data_config: Mapping[str, Any]) -> bool:
    """Whether the splits hold the images that the run has seen, in the same places."""
    from pellucid.data.divide import DIVISION_OPTIONS

    recorded = trained.run.metrics() if trained.run else {}
    trained_config = trained.config["data"]
    expected = {
        "data/fingerprint": images.fingerprint(),
        **{f"data/{name}": len(split) for name, split in images.splits.items()},
    }
    return all(recorded.get(key, value) == value for key, value in expected.items()) and all(
        trained_config.get(name) == data_config.get(name) for name in DIVISION_OPTIONS
    )
