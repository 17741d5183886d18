"""A picture as files: its pixels, and its page as PDF or SVG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from pellucid.draw.formats import formats_asked, keep
from pellucid.system.files import write_atomically

if TYPE_CHECKING:  # it brings matplotlib
    from pellucid.draw.sheet import Picture, Sheet


def png(picture: Picture) -> bytes:
    """The content of a PNG file."""
    content = io.BytesIO()
    Image.fromarray(picture).save(content, format="PNG", compress_level=4)  # 6 takes twice the time
    return content.getvalue()


def write_png(path: Path, picture: Picture) -> None:
    """Write a picture's file, whole or not at all, and beside it those of the formats that are asked for."""
    write_atomically(path, png(picture))
    write_vectors(path, picture, formats_asked())
    if sheet_of(picture) is not None:
        keep(path, picture)


def write_vectors(path: Path, picture: Picture, formats: Sequence[str]) -> int:
    """Write the page that a picture is of in these formats, beside its PNG file; how many bytes.

    Of an array without a page, a film's images say, there is nothing but pixels, and nothing is written.
    """
    if (sheet := sheet_of(picture)) is None:
        return 0
    contents = {path.with_suffix(f".{name}"): sheet.vector(name) for name in formats}
    for file, content in contents.items():
        write_atomically(file, content)
    return sum(map(len, contents.values()))


def sheet_of(picture: Picture) -> Sheet | None:
    """The page that a picture is of; None of an array alone."""
    return getattr(picture, "sheet", None)
