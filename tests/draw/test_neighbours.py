"""Queries and their neighbours: nothing reaches over an edge."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.draw.neighbours import Neighbour, QueryRow, neighbours

NAME = "a rather long class name 한글 $x"


@pytest.mark.parametrize("count", [1, 13])
def test_neighbours_are_not_cut(count: int) -> None:
    image = np.random.default_rng(0).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    near = [Neighbour(image, NAME, "distance 0.123", NAME, [True, False, None][k % 3]) for k in range(count)]
    queries = [QueryRow(image, [NAME] * lines, None, near[:k]) for lines, k in ((5, 1), (1, count))]
    picture = neighbours(queries, title=NAME, note=NAME)
    assert (picture[:, -1] == 255).all()
    assert (picture[-1] == 255).all()
