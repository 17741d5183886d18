"""Results show themselves, and are saved as what they are."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pellucid.api.result import Result, preformatted
from pellucid.draw.figures import Figures
from pellucid.errors import UserError

PICTURE = np.full((4, 6, 3), 200, np.uint8)
FOUND = Result(
    "two <cats>",
    [{"file": "a.png", "cat": 0.5}, {"file": "b.png", "cat": 1.0}],
    {"maps": np.arange(6).reshape(2, 3)},
    Figures.drawn({"one": PICTURE, "layer/two": PICTURE // 2}),
)


def test_a_terminal_shows_text_and_a_notebook_pictures_too() -> None:
    assert repr(FOUND) == "two <cats>"
    html = FOUND._repr_html_()
    assert "two &lt;cats&gt;" in html
    assert html.count("data:image/png;base64,") == 2
    assert preformatted("") == ""


def test_a_picture_by_its_name() -> None:
    assert FOUND.figure().size == (6, 4)
    assert FOUND.figure("layer/two").getpixel((0, 0)) == (100, 100, 100)
    with pytest.raises(UserError, match=r"figure=on: expected one of one, layer/two\. Did you mean 'one'"):
        FOUND.figure("on")
    with pytest.raises(UserError, match="no picture"):
        Result("nothing").figure()


def test_it_is_saved_by_the_end_of_the_name(tmp_path: Path) -> None:
    with Image.open(FOUND.save(tmp_path / "new" / "x.png")) as image:
        assert image.size == (6, 4)
    with FOUND.save(tmp_path / "x.csv").open(encoding="utf-8") as file:
        assert list(csv.DictReader(file)) == [
            {"file": "a.png", "cat": "0.5"},
            {"file": "b.png", "cat": "1.0"},
        ]
    with np.load(FOUND.save(tmp_path / "new" / "x.npz")) as arrays:
        assert arrays["maps"].tolist() == [[0, 1, 2], [3, 4, 5]]
    FOUND.save(tmp_path / "all")
    files = {path.relative_to(tmp_path / "all").as_posix() for path in (tmp_path / "all").rglob("*.*")}
    assert files == {"one.png", "layer/two.png", "table.csv", "arrays.npz"}


@pytest.mark.parametrize(
    ("name", "lacks"),
    [
        ("x.png", "picture"),
        ("x.csv", "table"),
        ("x.npz", "arrays"),
        ("x.xlsx", r"ends in \.csv, \.npz, \.pdf, \.png, \.svg, or a folder's"),
    ],
)
def test_what_is_not_there_is_not_written(name: str, lacks: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=lacks):
        Result("nothing").save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_pandas_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UserError, match="pip install pandas"):
        FOUND.to_pandas()
