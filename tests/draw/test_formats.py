"""Formats of figures: which are asked for, and that they are written."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pellucid.draw.formats import by_name, formats_asked, in_formats, keeping_pictures
from pellucid.draw.png import write_png
from pellucid.draw.sheet import Sheet


@in_formats
def write(path: Path, *, figures: str | list[str] = "png") -> tuple[str, ...]:
    """As a command does."""
    write_png(path, Sheet(1, 1).picture())
    return formats_asked()


def test_a_command_writes_what_is_asked_for_and_png_always(tmp_path: Path) -> None:
    for figures, written in (("png", ["png"]), ("pdf", ["pdf", "png"]), (["svg", "png", "pdf"], None)):
        folder = tmp_path / str(figures)
        write(folder / "a.png", figures=figures)
        assert sorted(path.suffix[1:] for path in folder.iterdir()) == (written or ["pdf", "png", "svg"])
    assert formats_asked() == (), "of that command alone"


def test_an_array_without_a_page_is_pixels_alone(tmp_path: Path) -> None:
    @in_formats
    def command(*, figures: str) -> None:
        write_png(tmp_path / "a.png", np.zeros((2, 2, 3), np.uint8))

    command(figures="pdf")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_pictures_are_kept_where_they_are_wanted(tmp_path: Path) -> None:
    with keeping_pictures() as pictures:
        write(tmp_path / "a" / "b.png")
    write(tmp_path / "c.png")
    assert list(by_name(pictures, tmp_path)) == ["a/b"]
