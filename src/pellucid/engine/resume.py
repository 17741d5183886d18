"""Resuming a run: what it takes from its last checkpoint, and whether its images are still those."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from pellucid.data.base import ImageData
from pellucid.data.divide import History
from pellucid.data.manifest import Manifest
from pellucid.engine.build import come_back, make_data, make_task
from pellucid.engine.loaded_run import check_classes
from pellucid.errors import UserError
from pellucid.run.checkpoint import check_resumable, load_checkpoint
from pellucid.run.folder import FORMAT, Run
from pellucid.spec import Spec
from pellucid.task.base import Task

log = logging.getLogger(__name__)


def load_last(run: Run) -> dict[str, Any]:
    """The checkpoint that the training goes on from. Raises UserError where it cannot."""
    try:
        last = load_checkpoint(run.last)
        check_resumable(last, run.last)
    except UserError as error:
        raise UserError(f"{error} To continue from the best epoch, copy {run.best} over it.") from error
    return last


def assemble_as_then(config: Mapping[str, Any], last: Mapping[str, Any]) -> tuple[ImageData, Task]:
    """Data and task for the classes and statistics that a checkpoint was trained with."""
    config, then = come_back(config, last["state_dict"]), Spec.from_dict(last["pellucid"]["spec"])
    data = make_data(config)
    check_classes(data.spec, then)
    data.conform(then)
    return data, make_task(config, then)


def history(run: Run, config: Mapping[str, Any], last: Mapping[str, Any] | None) -> History | None:
    """Which images the run has trained on so far, and whether they lie elsewhere now; None of a new run."""
    content: Any = last["pellucid"] if last else {"format": FORMAT, "config": config}
    moved = any(content["config"]["data"].get(n) != config["data"].get(n) for n in ("root", "path"))
    manifest = Manifest.load(run.manifest)
    if manifest is None and content["format"] > 1:
        return None
    return History(manifest, content["format"] == 1, elsewhere=moved and manifest is not None)


def check_images(data: ImageData, run: Run, before: Mapping[str, Any]) -> None:
    """Raise UserError where a run cannot go on with these images; tell of options that do not matter.

    ``before``: the run's metrics so far, none of a new one.
    """
    written = {text.lstrip("+").partition("=")[0] for text in run.overrides()}
    for name in data.divided.provided:
        if f"data.{name}_fraction" in written:
            log.warning("data.%s_fraction is not used: the data have %s images of their own.", name, name)
    manifest, fingerprint = data.history.manifest, before.get("data/fingerprint")
    if manifest is None:
        if fingerprint is not None and fingerprint != data.fingerprint():
            raise UserError(
                f"{data.source}: the images have changed since the training, and which ones it was "
                "trained on was not kept by the version of then. Put them back, or train a new run."
            )
        return
    known = sum(int(manifest.knows(split).sum()) for split in data.splits.values())
    if 2 * known <= (count := sum(len(split) for split in data.splits.values())):
        raise UserError(
            f"{data.source}: the run knows {known:,} of these {count:,} images, so they are not those of "
            "its training. Name the place where those are by data.root=<folder> or data.path=<table>, or "
            "train a new run."
        )


def data_changes(data: ImageData, before: Mapping[str, Any], fingerprint: str) -> dict[str, Any]:
    """Entries of ``metrics.json``: the first fingerprint stays, what has changed since stands beside it."""
    first = before.get("data/fingerprint")
    if first is None or first == fingerprint:
        return {}
    changes = data.divided.changes.summary()
    return {"data/fingerprint": first, "data/fingerprint/resumed": fingerprint, "data/changes": changes}
