"""Downloads through torchvision, with the remedy where there is no network."""

import os
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import TypeVar

from pellucid.errors import UserError

T = TypeVar("T")


def download(title: str, root: str, layout: str, fetch: Callable[[], T]) -> T:
    """``fetch()``, or a UserError that says where the files are expected."""
    before = {folder for folder, _, _ in os.walk(root)}
    try:
        return fetch()
    except (OSError, RuntimeError, HTTPException) as error:  # URLError, time-outs; torchvision's corrupt file
        _remove_empty(Path(root), before)
        raise UserError(
            f"{title} is not in data.root={root} and could not be downloaded ({error}). "
            f"Connect to the network, or put the files there: {layout}."
        ) from error


def _remove_empty(root: Path, before: set[str]) -> None:
    """Remove the folders that the attempt made and left empty."""
    for folder, _, _ in os.walk(root, topdown=False):
        if folder not in before and not any(Path(folder).iterdir()):
            Path(folder).rmdir()
