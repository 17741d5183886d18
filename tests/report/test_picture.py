"""Pictures within a page, by hand."""

from __future__ import annotations

import numpy as np

from pellucid.report.picture import address, sheet_of, shrunk


def test_pictures_are_made_small() -> None:
    picture = np.zeros((100, 50, 3))
    picture[:50] = 1
    small = shrunk(picture, 10)
    assert small.shape == (10, 5, 3)
    assert small.dtype == np.uint8
    assert small[0, 0, 0] == 255
    assert shrunk(small, 10) is small
    assert address(small, photo=True).startswith("data:image/png"), "a small one keeps its pixels"
    assert address(np.zeros((80, 80, 3), np.uint8), photo=True).startswith("data:image/jpeg")
    page = sheet_of([np.full((2, 2, 3), n, np.uint8) for n in range(5)], 3)
    assert page.shape == (4, 6, 3)
    assert page[3, 3, 0] == 4
