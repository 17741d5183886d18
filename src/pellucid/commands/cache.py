"""The cache of decoded photos: what is in it, and how it is cleared."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pellucid.config.command import PathText
from pellucid.data.photos import clear as clear_photos
from pellucid.data.photos import entries
from pellucid.system.console import console


def cache(*, cache: PathText = "~/.cache/pellucid/photos", clear: bool = False) -> None:
    """A line for each folder of photos, and the size of all; ``clear``: remove them."""
    folder = Path(cache).expanduser()
    photos = entries(folder)
    for entry in photos:
        when = datetime.fromtimestamp(entry.used).strftime("%Y-%m-%d %H:%M")
        console.print(
            f"{entry.size / 2**20:10,.1f} MiB   {when}   {entry.root}", markup=False, soft_wrap=True
        )
    total = sum(entry.size for entry in photos)
    size = f"{clear_photos(folder) / 2**20:,.1f} MiB freed" if clear else f"{total / 2**20:,.1f} MiB"
    console.print(f"{size} in {folder}", markup=False, soft_wrap=True)
