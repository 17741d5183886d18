"""The runs of a folder: a line each, and the removal of what failed ones have left."""

from __future__ import annotations

import logging
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pellucid.config.command import PathText
from pellucid.errors import UserError, counted, plain, typed
from pellucid.run.folder import Run, begun, quoted
from pellucid.system.console import console
from pellucid.system.lock import FileLock
from pellucid.system.number_text import metric

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Listed:
    """A run as it is listed; ``size`` in bytes, ``begun`` in seconds since 1970, ``is_held`` by a process."""

    run: Run
    name: str
    state: str
    begun: float
    metric: str
    size: int
    is_held: bool

    @property
    def is_rest(self) -> bool:
        """Whether it is what a run has left that never came to a checkpoint, and does not come to one now."""
        return self.state in ("failed", "ended") and not self.is_held and not self.run.kept_checkpoints()


def runs(*, folder: PathText = "outputs", clean: bool = False) -> list[dict[str, Any]]:
    """The runs in that folder, or in folders of it, the newest last, a line each; their rows.

    ``clean``: remove what is left of those that failed, or ended unseen, before their first checkpoint, once
    they were shown. Runs of sweeps are on the pages of theirs. Raises UserError where there are none.
    """
    path = Path(folder).expanduser()
    found = sorted(map(listed, begun(path)), key=lambda one: one.begun)
    if not found:
        raise UserError(
            f"folder={folder}: there are no runs in it. Expected outputs, or another folder of runs; one is "
            f"made by {typed('train')}."
        )
    _show(found)
    rests = [one for one in found if one.is_rest]
    if clean:
        _remove(rests)
    elif rests:
        names = ", ".join(one.run.folder.name for one in rests[:3]) + (", …" if len(rests) > 3 else "")
        log.info(
            "Left by %s that failed: %s. Remove: %s clean=true",
            counted(len(rests), "run"),
            names,
            typed("runs"),
        )
    return [_row(one) for one in found]


def listed(run: Run) -> Listed:
    """What its files say of a run."""
    metrics, is_held = run.metrics(), _is_held(run.folder)
    state = str(metrics.get("status") or "running")
    return Listed(
        run=run,
        name=run.name(),
        state="ended" if state == "running" and not is_held else state,  # killed, and could not say so
        begun=(run.folder / ".hydra" / "overrides.yaml").stat().st_mtime,
        metric=_metric(metrics),
        size=sum(map(_size, run.folder.rglob("*"))),
        is_held=is_held,
    )


def _size(file: Path) -> int:
    """In bytes; 0 of a folder, of a link, and of what has gone since it was listed."""
    try:
        found = file.lstat()
    except OSError:
        return 0
    return found.st_size if stat.S_ISREG(found.st_mode) else 0


def _is_held(folder: Path) -> bool:
    lock = FileLock(folder)
    try:
        ours = lock.acquire(wait=False)
    except OSError:  # of another user
        return False
    lock.release()
    return not ours


def _metric(metrics: Mapping[str, Any]) -> str:
    """That of the test, or else of validation; the loss where there is no other."""
    for split in ("test/", "val/"):
        names = sorted((n for n in metrics if n.startswith(split)), key=lambda n: (n.endswith("loss"), n))
        if names and metrics[names[0]] is not None:
            return f"{names[0]} {metric(metrics[names[0]])}"
    return ""


def _show(found: Sequence[Listed]) -> None:
    rows = [("name", "state", "begun", "size", "metric", "folder")]
    rows += [
        (
            plain(one.name) or "–",
            one.state,
            f"{datetime.fromtimestamp(one.begun):%Y-%m-%d %H:%M}",
            f"{one.size / 2**20:,.1f} MiB",
            one.metric or "–",
            plain(quoted(one.run.folder)),
        )
        for one in found
    ]
    console.rows(rows, wrap=False)


def _remove(rests: Sequence[Listed]) -> None:
    if not rests:
        log.info("There is nothing to remove: no run failed before its first checkpoint.")
        return
    for one in rests:
        one.run.lock()
        try:
            one.run.discard()  # what is ours
        finally:
            one.run.unlock()
        log.info("Removed: %s", quoted(one.run.folder))
    log.info("%s, %.1f MiB.", counted(len(rests), "run"), sum(one.size for one in rests) / 2**20)


def _row(one: Listed) -> dict[str, Any]:
    return {
        "name": one.name,
        "state": one.state,
        "begun": one.begun,
        "metric": one.metric,
        "size": one.size,
        "folder": str(one.run.folder),
    }
