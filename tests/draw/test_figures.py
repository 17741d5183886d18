"""Pictures by their names, of a folder or drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pellucid.draw.figures import Figures
from pellucid.draw.png import write_png
from pellucid.draw.sheet import Sheet
from pellucid.errors import UserError

PICTURE = np.full((4, 6, 3), 7, np.uint8)


def test_of_a_folder_by_path(tmp_path: Path) -> None:
    for name in ("b", "a/c"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_png(tmp_path / f"{name}.png", PICTURE)
    figures = Figures.of_folder(tmp_path)
    assert list(figures) == ["a/c", "b"]
    assert repr(figures) == "Figures(a/c, b)"
    assert figures["b"].getpixel((0, 0)) == (7, 7, 7)


def test_a_notebook_gets_names_as_texts() -> None:
    html = Figures.drawn({'<"x">': PICTURE})._repr_html_()
    assert 'alt="&lt;&quot;x&quot;&gt;"' in html


def test_vectors_of_what_was_drawn_and_of_files_beside(tmp_path: Path) -> None:
    drawn = Figures.drawn({"a": Sheet(1, 1).picture(), "pixels": PICTURE})
    assert drawn.content("a", "pdf").startswith(b"%PDF")
    with pytest.raises(UserError, match="only the pixels of this picture are known"):
        drawn.content("pixels", "svg")
    write_png(tmp_path / "b.png", PICTURE)
    found = Figures.of_folder(tmp_path).chosen(["b"])
    with pytest.raises(UserError, match="figures=pdf writes PDF too"):
        found.content("b", "pdf")
    (tmp_path / "b.pdf").write_bytes(b"%PDF-")
    assert found.content("b", "pdf") == b"%PDF-"
