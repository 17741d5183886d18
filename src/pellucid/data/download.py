"""Downloads through torchvision, with the remedy where there is no network."""

import os
import shutil
import tempfile
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import TypeVar

from pellucid.errors import UserError, first_line

T = TypeVar("T")
ARCHIVES = (".gz", ".tgz", ".bz2", ".xz", ".zip", ".tar", ".mat", ".data")
DEPTH = 3  # folders below the root in which torchvision keeps them


def download(title: str, root: str, layout: str, fetch: Callable[[], T], *, lacks: str = "") -> T:
    """``fetch()``, or a UserError that says where the files are expected, and what it ``lacks`` of them."""
    before = {folder for folder, _, _ in os.walk(root)}
    try:
        return fetch()
    except (OSError, RuntimeError, HTTPException) as error:  # URLError, time-outs; torchvision's corrupt file
        _remove_empty(Path(root), before)
        there = f"is not whole in data.root={root} ({lacks})" if lacks else f"is not in data.root={root}"
        reason = " ".join(str(error).split())
        raise UserError(
            f"{title} {there} and could not be downloaded ({reason}). "
            f"Connect to the network, or put the files there: {layout}."
        ) from error


def download_beside(
    title: str, root: Path, layout: str, fetch: Callable[[str], object], *, lacks: str = ""
) -> None:
    """``fetch`` into a folder beside the others in ``root``, and what is whole from there into the root.

    Interrupted, it leaves nothing that could be taken for the data set. Archives that are in the root are
    given to ``fetch``, which checks them, so that they are not downloaded again. Raises UserError.
    """

    def fetch_beside() -> None:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".download-", dir=root) as beside:
            copied = _copy_archives(root, Path(beside))
            try:
                fetch(beside)
            except ValueError as error:  # torchvision's, of data sets that are offered no more
                raise RuntimeError(first_line(error)) from error
            _move(Path(beside), root, copied)

    download(title, str(root), layout, fetch_beside, lacks=lacks)


def _copy_archives(root: Path, beside: Path) -> dict[Path, float]:
    """Copy them, as one that is damaged is written over; when each of the copies was changed last."""
    copied = {}
    for folder, folders, names in os.walk(root):
        place = Path(folder).relative_to(root)
        folders[:] = [n for n in folders if len(place.parts) < DEPTH and not n.startswith(".")]
        for name in names:
            if name.endswith(ARCHIVES):
                (beside / place).mkdir(parents=True, exist_ok=True)
                path = Path(shutil.copy2(root / place / name, beside / place / name))
                copied[path] = path.stat().st_mtime
    return copied


def _move(beside: Path, root: Path, copied: dict[Path, float]) -> None:
    """Move what is there into the root, in the place of files of the same names; a new folder at once."""
    for path in sorted(beside.iterdir()):
        if path in copied and path.stat().st_mtime == copied[path]:
            continue
        if path.is_dir() and (root / path.name).is_dir():
            _move(path, root / path.name, copied)
        else:
            path.replace(root / path.name)


def _remove_empty(root: Path, before: set[str]) -> None:
    """Remove the folders that the attempt made and left empty."""
    for folder, _, _ in os.walk(root, topdown=False):
        if folder not in before and not any(Path(folder).iterdir()):
            Path(folder).rmdir()
