"""Formats of figures: which are asked for, and that they are written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pellucid.draw.formats import (
    by_name,
    format_problem,
    formats_asked,
    in_formats,
    keeping_pictures,
    vector_formats,
)
from pellucid.draw.png import write_png
from pellucid.draw.sheet import Sheet
from pellucid.errors import UserError


@in_formats
def write(path: Path, *, figures: str | list[str] = "png") -> tuple[str, ...]:
    """As a command does."""
    write_png(path, Sheet(1, 1).picture())
    return formats_asked()


def test_a_command_writes_what_is_asked_for_and_png_always(tmp_path: Path) -> None:
    for figures, written in (("png", ["png"]), ("pdf", ["pdf", "png"]), (["svg", "png", "pdf"], None)):
        folder = tmp_path / str(figures)
        write(folder / "a.png", figures=figures)  # type: ignore[arg-type]
        assert sorted(path.suffix[1:] for path in folder.iterdir()) == (written or ["pdf", "png", "svg"])
    assert formats_asked() == (), "of that command alone"


def test_an_array_without_a_page_is_pixels_alone(tmp_path: Path) -> None:
    @in_formats
    def command(*, figures: str) -> None:
        write_png(tmp_path / "a.png", np.zeros((2, 2, 3), np.uint8))

    command(figures="pdf")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_what_is_no_format_is_told_with_the_nearest() -> None:
    assert vector_formats(["png", "pdf", "pdf"]) == ("pdf",)
    assert format_problem("svg") == format_problem(["png", "svg"]) == ""
    assert "figures=svgg: expected png, pdf, svg or a list" in format_problem("svgg")
    with pytest.raises(UserError, match="Did you mean 'pdf'"):
        vector_formats(["png", "pfd"])


def test_pictures_are_kept_where_they_are_wanted(tmp_path: Path) -> None:
    with keeping_pictures() as pictures:
        write(tmp_path / "a" / "b.png")
    write(tmp_path / "c.png")
    assert list(by_name(pictures, tmp_path)) == ["a/b"]


def test_formats_are_checked_without_matplotlib() -> None:
    code = "import sys, pellucid.draw.formats; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
