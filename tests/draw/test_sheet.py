"""The page: exact pixels, text that fits, no pyplot."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from matplotlib import rcParams
from matplotlib.colors import to_rgb

from pellucid.draw.sheet import (
    COLOURS,
    DPI,
    MARKERS,
    WRONG,
    Page,
    Sheet,
    colour_of,
    colourise,
    fit,
    length,
    marker_of,
    mosaic,
    rgb,
    wrapped,
)
from pellucid.system.number_text import number


def test_an_image_is_drawn_pixel_by_pixel() -> None:
    image = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)
    sheet = Sheet(3, 3)
    sheet.image(image, 0.5, 1.0, 4 * 20 / DPI, 5 * 20 / DPI)
    page = sheet.picture()
    top, left = DPI, DPI // 2
    shown = page[top : top + 100, left : left + 80]
    assert np.array_equal(shown, np.kron(image, np.ones((20, 20, 1), dtype=np.uint8)))
    assert (page[top - 1, left] == 255).all()


def test_floats_between_0_and_1_are_rounded_and_cut() -> None:
    sheet = Sheet(1, 1)
    sheet.image(np.array([[[0.5, -1.0, 2.0]]]), 0, 0, 1, 1)
    assert sheet.picture()[DPI // 2, DPI // 2].tolist() == [128, 0, 255]


def test_a_wide_image_stands_in_the_middle_and_is_framed() -> None:
    sheet = Sheet(2, 2)
    sheet.image(np.zeros((1, 2, 3), dtype=np.uint8), 0.5, 0.5, 1, 1, frame=WRONG)
    page = sheet.picture()
    assert (page[DPI, DPI] == 0).all()
    assert (page[DPI // 2 + 8, DPI] == 255).all(), "above it the page is empty"
    edge = page[DPI, DPI // 2 - 1]
    assert edge.tolist() == [round(255 * part) for part in to_rgb(WRONG)]


def test_a_reduced_image_is_averaged() -> None:
    stripes = np.zeros((1000, 1000, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    sheet = Sheet(1, 1)
    sheet.image(stripes, 0, 0, 1, 1)
    middle = sheet.picture()[20:-20, 20:-20].astype(int)
    assert abs(middle - 127).max() < 40


@pytest.mark.parametrize("text", ["a" * 200, "猫" * 80, "x/y_" * 40, "plain", "$a$_{b", ""])
def test_a_line_is_shortened_to_its_width(text: str) -> None:
    shown = fit(text, 1.0, 8)
    assert length(shown, 8) <= 72
    assert shown == text or ("…" in shown and shown[0] == text[0] and shown[-1] == text[-1])


def test_what_is_shortened_is_not_shortened_too_much() -> None:
    assert length(fit("a" * 200, 1.0, 8), 8) > 60


def test_dollars_and_letters_without_a_glyph_are_drawn() -> None:
    sheet = Sheet(3, 1)
    sheet.text("cost_$5_$x^{", 0.1, 0.1)
    sheet.text("猫 と 犬 \U0001f600", 0.1, 0.5)
    assert (sheet.picture() < 128).any()


def test_numbers() -> None:
    assert [number(value) for value in (0.0, -0.01234, 1234.5, 2.0)] == ["0", "−0.0123", "1.23e3", "2"]


def test_fifty_classes_differ_by_colour_and_marker() -> None:
    looks = {(colour_of(label), marker_of(label)) for label in range(50)}
    assert len(looks) == 50 == len(COLOURS) * len(MARKERS)
    assert (colour_of(50), marker_of(50)) == (colour_of(0), marker_of(0))
    assert len({marker_of(label) for label in range(5)}) == 5, "also without colours"


def test_a_colour_scale_has_its_ends_at_the_limits() -> None:
    values = np.array([[-9.0, -1.0, 0.0, 1.0, 9.0]])
    row = colourise(values, -1, 1, "RdBu_r")[0]
    assert np.array_equal(row[0], row[1])
    assert np.array_equal(row[3], row[4])
    assert row[1, 2] > row[1, 0], "below 0 is blue"
    assert row[3, 0] > row[3, 2], "above 0 is red"
    assert np.ptp(row[2]) < 0.02, "0 is without colour"
    assert np.isfinite(colourise(np.zeros((2, 2)), 0, 0, "viridis")).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_not_drawn(bad: float) -> None:
    with pytest.raises(ValueError, match="1 of 4 values are not finite"):
        colourise(np.array([[0.0, 1], [bad, 2]]), 0, 1, "viridis")
    with pytest.raises(ValueError, match="not finite"):
        Sheet(1, 1).image(np.full((1, 1, 3), bad), 0, 0, 1, 1)


def test_tiles_stand_row_by_row() -> None:
    tiles = [np.full((14, 14, 3), place / 16) for place in range(16)]
    page = mosaic(tiles, 4)
    step = 14 + 1
    assert page.shape == (4 * step - 1, 4 * step - 1, 3)
    for place in range(16):
        row, column = divmod(place, 4)
        assert (page[row * step, column * step] == place / 16).all(), place


def test_channels_become_three() -> None:
    image = np.arange(8.0).reshape(2, 2, 2)
    assert (rgb(image) == image[..., :1]).all()
    assert rgb(np.zeros((2, 2, 4))).shape == (2, 2, 3)


def test_bands_and_matrices_choose_what_is_shown() -> None:
    image_HWC = np.array([[[0.1, 0.2, 0.3, 0.9]]])
    assert rgb(image_HWC, (3, 2, 1)).tolist() == [[[0.9, 0.3, 0.2]]]
    assert rgb(image_HWC, (2,)).tolist() == [[[0.3, 0.3, 0.3]]]
    rows = ((1, 1, 0, 0, 0), (0, 0, 0, -1, 1), (0, 0, 0, 0, 7))
    assert rgb(image_HWC, sum(rows, ())) == pytest.approx(np.array([[[0.3, 0.1, 1.0]]]))


def test_drawing_needs_no_pyplot_and_changes_no_setting() -> None:
    program = (
        "import sys, matplotlib, numpy as np\n"
        "settings = lambda: {k: matplotlib.rcParams[k] for k in matplotlib.rcParams if k != 'backend'}\n"
        "before = settings()\n"
        "from pellucid.draw.grid import image_grid\n"
        "from pellucid.draw.curves import draw_curves\n"
        "image_grid(np.zeros((2, 4, 4, 3), np.uint8), ['a', 'b'], title='t')\n"
        "draw_curves({'loss': {'train': [(1, 1.0)]}}, lr=[(1, 0.1)], title='t')\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "assert settings() == before\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_long_heading_takes_more_lines_and_is_not_cut() -> None:
    said = "predicted class, confidence (true class); 1 mistake in 179 validation images"
    lines = wrapped(said, 3.0, 7.5)
    assert " ".join(lines) == said
    assert len(lines) > 1
    assert all(fit(line, 3.0, 7.5) == line for line in lines)
    short, long = Sheet(3.24, 1.0), Sheet(3.24, 1.0)
    short.title("t", "n")
    long.title("t", said)
    for sheet in (short, long):
        sheet.image(np.zeros((1, 1, 3), np.uint8), 1, 0.6, 0.3, 0.3)
    one, other = short.picture(), long.picture()
    lower = len(other) - len(one)
    assert lower == pytest.approx(0.15 * (len(lines) - 1) * DPI, abs=1)
    assert (other[round(0.7 * DPI) + lower, round(1.15 * DPI)] == 0).all(), "what follows lies lower"


def page_of_all() -> Sheet:
    """Text, lines and images, with a name in an alphabet that no font has."""
    sheet = Sheet(3, 3)
    sheet.title("A title", "a note of 한 글")
    sheet.axes(0.5, 1, 1, 1).plot([0, 1], [0, 1])
    small = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)
    sheet.image(small, 1.8, 1, 0.8, 1, frame=WRONG)
    sheet.image(np.zeros((900, 900, 3), np.uint8), 1.8, 2.2, 0.5, 0.5)
    return sheet


def test_a_pdf_has_its_fonts_and_its_images() -> None:
    sheet = page_of_all()
    content = sheet.vector("pdf")
    assert content.startswith(b"%PDF")
    assert b"/FontFile2" in content, "TrueType, as journals ask for"
    assert b"/Type3" not in content
    assert content.count(b"/Subtype /Image") == 2
    assert content == sheet.vector("pdf"), "the same page, the same file"


def test_text_stays_text_in_svg() -> None:
    content = page_of_all().vector("svg").decode()
    assert ">A title</text>" in content
    assert content.count("<image ") == 2


def test_vectors_leave_the_picture_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rcParams, "savefig.bbox", "tight")  # as notebooks set it
    sheet = page_of_all()
    before = np.array(sheet.picture())
    content = sheet.vector("pdf")
    assert b"/MediaBox [ 0 0 216 216 ]" in content, "3 inches"
    assert rcParams["pdf.fonttype"] != 42, "the user's own"
    assert np.array_equal(sheet.picture(), before)


def test_a_picture_knows_its_sheet_and_a_part_of_it_does_not() -> None:
    sheet = page_of_all()
    picture = sheet.picture()
    assert isinstance(picture, Page)
    assert picture.sheet is sheet
    part = picture[:5]
    assert isinstance(part, Page)
    assert part.sheet is None
