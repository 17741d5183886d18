"""Image files and folders below a folder; one that cannot be looked into is never passed over in silence."""

from __future__ import annotations

import functools
import logging
import os
import re
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from pellucid.data.opening import EXTENSIONS, KNOWN
from pellucid.errors import UserError

log = logging.getLogger(__name__)

CACHED = re.compile(r"[0-9a-f]{24}")  # an entry of the photo cache
MAX_NAMED = 5  # of those that are passed over
CLOSED = "may not be listed or entered, so that nobody knows which images it holds"


def refuse(folder: Path) -> NoReturn:
    """Raise UserError for a folder that is closed to us."""
    raise UserError(f"{folder} {CLOSED}. Make it readable, or move it elsewhere.")


def find_photos(folder: Path, closed: Callable[[Path], object] = refuse) -> list[Path]:
    """Every image file below ``folder``, sorted, also through links, each folder once.

    Hidden files and folders are passed over, and told are: folders of runs, links to nowhere or to a folder
    around this one, images of kinds that are not read. ``closed`` is called for each folder that may not be
    listed or entered.
    """
    photos: list[Path] = []
    passed: dict[str, list[str]] = {}
    around = {os.path.realpath(folder), *map(str, Path(os.path.realpath(folder)).parents)}
    entered = {os.path.realpath(folder)}

    def enters(path: Path) -> bool:
        real = os.path.realpath(path)
        if real in around:
            passed.setdefault("links to a folder around them", []).append(str(path.relative_to(folder)))
        elif is_run(path):
            passed.setdefault("folders of runs", []).append(str(path.relative_to(folder)))
        elif real not in entered:
            entered.add(real)
            return True
        return False

    def on_error(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            closed(Path(error.filename))

    for parent, folders, names in os.walk(folder, onerror=on_error, followlinks=True):
        if not os.access(parent, os.X_OK):
            closed(Path(parent))
            folders.clear()
            continue
        folders[:] = [name for name in sorted(folders) if not _is_hidden(name) and enters(Path(parent, name))]
        for path in (Path(parent, name) for name in names if not _is_hidden(name)):
            ending = path.suffix.lower()
            if ending in EXTENSIONS and is_file(path):
                photos.append(path)
            elif ending in KNOWN or not os.path.exists(path):  # noqa: PTH110 (Path's raises)
                reason = f"{ending} files, which are not read" if ending in KNOWN else "links to nowhere"
                passed.setdefault(reason, []).append(str(path.relative_to(folder)))
    for reason, files in passed.items():
        tell(folder, reason, len(files), ", ".join(sorted(files)[:MAX_NAMED]))
    return sorted(photos)


@functools.cache
def tell(folder: Path, reason: str, count: int, names: str) -> None:
    """Once, however often the folder is looked through."""
    more = ", …" if count > MAX_NAMED else ""
    log.warning("%s: %s, passed over: %d (%s%s).", folder, reason, count, names, more)


def is_run(folder: Path) -> bool:
    """Whether it holds what was trained here: a run, runs in folders, or the photo cache."""
    levels = ("", "*/", "*/*/", "*/*/*/")
    with suppress(OSError):  # a closed one is told where it is entered
        return any(next(folder.glob(f"{level}.hydra"), None) for level in levels) or any(
            CACHED.fullmatch(path.parent.name) for path in folder.glob("*/pixels.bin")
        )
    return False


def is_folder(path: Path) -> bool:
    """Raises UserError where that may not be known."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except PermissionError:
        refuse(path.parent)
    except OSError:
        return False


def find_folders(folder: Path) -> list[Path]:
    """The folders in a folder, sorted, but hidden ones. Raises UserError where they may not be known."""
    try:
        with os.scandir(folder) as entries:
            return sorted(
                folder / entry.name for entry in entries if entry.is_dir() and not _is_hidden(entry.name)
            )
    except PermissionError:
        refuse(folder)


def is_file(path: Path) -> bool:
    """Also a link to where we may not look: reading it tells why it cannot be read."""
    try:
        return path.is_file()
    except OSError:
        return True


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "__MACOSX"))
