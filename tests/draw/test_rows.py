"""Rows of images: where each lies on the page."""

from __future__ import annotations

import numpy as np

from pellucid.draw.rows import CELL, image_rows
from pellucid.draw.sheet import DPI

COLOURS = [(255, 0, 90), (0, 255, 90), (90, 0, 255), (0, 90, 255), (255, 90, 0)]


def row(*indices: int) -> np.ndarray:
    """Images of one colour each."""
    return np.stack([np.full((4, 4, 3), COLOURS[index], np.uint8) for index in indices])


def test_tables_lie_side_by_side() -> None:
    tables = {"left": {"a": row(0, 1), "b\nsecond": row(2, 3)}, "right": {"c": row(4)}}
    picture = image_rows(tables, title="Rows")
    found = [np.argwhere((picture == colour).all(axis=2)) for colour in COLOURS]
    assert all(abs(len(places) / (CELL * DPI) ** 2 - 1) < 0.05 for places in found)
    top, left = np.array([places.min(axis=0) for places in found]).T
    assert top[0] == top[1] == top[4] < top[2] == top[3]
    assert left[0] == left[2] < left[1] == left[3] < left[4]


def test_a_page_without_headings_is_shorter() -> None:
    pages = [image_rows({heading: {"a": row(0)}}, title="Rows") for heading in ("", "heading")]
    assert pages[0].shape[0] < pages[1].shape[0]
