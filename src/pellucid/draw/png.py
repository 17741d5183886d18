"""A picture as a file."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from pellucid.system.files import write_atomically

if TYPE_CHECKING:  # it brings matplotlib
    from pellucid.draw.sheet import Picture


def png(picture: Picture) -> bytes:
    """The content of a PNG file."""
    content = io.BytesIO()
    Image.fromarray(picture).save(content, format="PNG", compress_level=4)  # 6 takes twice the time
    return content.getvalue()


def write_png(path: Path, picture: Picture) -> None:
    """Write a picture's file, whole or not at all."""
    write_atomically(path, png(picture))
