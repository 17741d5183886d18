"""Runs by what a user calls several of them: names, folders, patterns, sweeps."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Sequence
from pathlib import Path

from pellucid.errors import UserError, did_you_mean
from pellucid.run.folder import Run, begun

SWEEP = "sweep.json"  # in the folder of a sweep


def find_runs(sources: Iterable[str]) -> list[Run]:
    """All runs of each source, none twice: a run's folder; a folder of runs, of a sweep or of sweeps for all
    in it; a pattern of such; the name of runs or of a sweep for all of it; ``last`` for the newest.

    Raises UserError for a source that has none.
    """
    found: dict[Path, Run] = {}
    for source in sources:
        runs = _of(str(source))
        if not runs:
            outputs = Path("outputs").absolute()
            there = [run.name() for run in begun(outputs)]
            there += [file.parent.name for file in outputs.glob(f"sweeps/*/{SWEEP}")]
            raise UserError(
                f"runs={source}: no runs are there. Expected run folders, folders of runs, patterns of them, "
                f"names of runs, or a sweep's folder or name.{did_you_mean(str(source), filter(None, there))}"
            )
        found |= {run.folder.resolve(): run for run in runs}
    return list(found.values())


def _of(source: str) -> list[Run]:
    if source == "last":
        return [Run.open(source)]
    path = Path(source).expanduser().absolute()
    if path.is_dir():
        return _in(path)
    if glob.has_magic(source):
        matches = sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
        return [run for match in matches if match.is_dir() for run in _in(match)]
    outputs = Path("outputs").absolute()
    if (sweep := outputs / "sweeps" / source / SWEEP).is_file():
        return _in(sweep.parent)
    return _in_order(run for run in begun(outputs) if run.name() == source)


def _in(folder: Path) -> list[Run]:
    """The folder's own run, those of the sweep or of the sweeps in it, or those that were begun in it."""
    if (folder / ".hydra" / "config.yaml").is_file():
        return [Run(folder)]
    if (folder / SWEEP).is_file() or any(folder.glob(f"*/{SWEEP}")):
        return _in_order(Run(file.parents[1]) for file in folder.rglob(".hydra/config.yaml"))
    return _in_order(begun(folder))


def _in_order(runs: Iterable[Run]) -> list[Run]:
    return sorted(runs, key=lambda run: [_natural(part) for part in run.folder.parts])


def _natural(name: str) -> tuple[str, int, str]:
    """``seed_10`` behind ``seed_9``."""
    head = name.rstrip("0123456789")
    digits = name[len(head) :]
    return head, int(digits or -1), name


def short_names(runs: Sequence[tuple[str, Path]]) -> list[str]:
    """A short name for each run, no two alike: its own, of a folder ``<model>_<data>`` that, else what tells
    it from the others of that name.

    ``runs``: the name that each was given, or the empty text, and its folder.
    """
    names = [name or _short(folder) for name, folder in runs]
    longer = [
        name if names.count(name) == 1 else f"{name}/{folder.name}"
        for name, (_, folder) in zip(names, runs, strict=True)
    ]
    return [
        name if longer.count(name) == 1 else f"{name} ({longer[: index + 1].count(name)})"
        for index, name in enumerate(longer)
    ]


def _short(folder: Path) -> str:
    """The folder of runs that it is in; of a sweep's run its name, trial and seed."""
    if folder.name.isdecimal() or folder.parent.name.isdecimal():
        return "/".join(folder.parts[-3:] if folder.parent.name.isdecimal() else folder.parts[-2:])
    return folder.parent.name or folder.name
