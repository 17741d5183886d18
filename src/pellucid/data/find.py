"""Image files and folders below a folder; one that cannot be looked into is never passed over in silence."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from pellucid.data.opening import EXTENSIONS
from pellucid.errors import UserError

CLOSED = "may not be listed or entered, so that nobody knows which images it holds"


def refuse(folder: Path) -> NoReturn:
    """Raise UserError for a folder that is closed to us."""
    raise UserError(f"{folder} {CLOSED}. Make it readable, or move it elsewhere.")


def find_photos(folder: Path, closed: Callable[[Path], object] = refuse) -> list[Path]:
    """Every image file below ``folder``, sorted; hidden files and folders are passed over.

    ``closed`` is called for each folder that may not be listed or entered.
    """
    found: list[Path] = []

    def told(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            closed(Path(error.filename))

    for parent, folders, names in os.walk(folder, onerror=told):
        if not os.access(parent, os.X_OK):
            closed(Path(parent))
            folders.clear()
            continue
        folders[:] = [name for name in folders if not _is_hidden(name)]
        paths = (Path(parent, name) for name in names if not _is_hidden(name))
        found += [path for path in paths if path.suffix.lower() in EXTENSIONS and is_file(path)]
    return sorted(found)


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
        with os.scandir(folder) as found:
            return sorted(folder / one.name for one in found if one.is_dir() and not _is_hidden(one.name))
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
