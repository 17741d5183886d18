"""Pictures by their names, of a folder or drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pellucid.draw.figures import Figures
from pellucid.draw.png import write_png

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
