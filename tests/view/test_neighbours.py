"""The nearest images by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.view.neighbours import Neighbour, Query, nearest_neighbours
from tests.view.nets import brightness, images


def test_neighbours_are_counted_but_for_the_query_itself() -> None:
    others = images(0, 255, 204, 51, 230)
    (found,) = nearest_neighbours(
        brightness(),
        [images(255, labels=(-1,))],
        [others],
        lambda index_K: images(*(int(others.pixels_BCHW[i]) for i in index_K)),
        layer="0",
        count=3,
        distance="euclidean",
    )
    assert [one.file for one in found.neighbours] == ["255.png", "230.png", "204.png"]
    assert [one.distance for one in found.neighbours] == pytest.approx([0, 25 / 255, 0.2])
    assert [one.same for one in found.neighbours] == [True, False, False]
    assert found.votes == [(1, 2)]
    assert (found.query.label, found.query.predicted, found.query.compared) == (-1, 1, 1)
    assert found.query.is_right(found.neighbours[0])


def test_without_a_class_of_its_own_or_predicted_nothing_is_right_or_wrong() -> None:
    pixels = np.zeros((1, 1, 3), np.uint8)
    unknown = Query("q.png", -1, pixels, {})
    near = Neighbour("n.png", 1, "dog", 0.5, False, pixels)
    assert (unknown.predicted, unknown.compared) == (-1, -1)
    assert unknown.is_right(near) is None
    assert Query("q.png", 0, pixels, {"predicted": 1}).is_right(near) is False, "its own class counts"
    assert Query("q.png", -1, pixels, {"predicted": 1}).is_right(near) is True
