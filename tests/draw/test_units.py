"""Pictures of units: filters, framed photos, patches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from pellucid.draw.units import (
    FRAME,
    OUTSIDE,
    PANEL,
    UnitRow,
    filter_caption,
    filter_tile,
    marked,
    patch,
    strongest,
    unit_sheet,
)

RANDOM = np.random.default_rng(0)


def test_a_filter_by_hand() -> None:
    colours = np.zeros((3, 1, 1))
    colours[:, 0, 0] = [2.0, 0.0, -2.0]
    assert filter_tile(colours, colours=True)[0, 0].tolist() == [1, 0.5, 0]
    edge = filter_tile(np.array([[[1.0, 0.0, -1.0]]]), colours=False)
    red, white, blue = edge[0, 0], edge[0, edge.shape[1] // 2], edge[0, -1]
    assert red[0] > red[2] + 0.2
    assert white.min() > 0.95
    assert blue[2] > blue[0] + 0.2
    assert filter_tile(np.zeros((1, 3, 3)), colours=False).min() > 0.95


def test_the_strongest_inputs_come_first() -> None:
    weights = np.zeros((12, 2, 2))
    weights[7], weights[3] = 1.0, -2.0
    assert strongest(weights)[:3] == [3, 7, 0]
    assert len(strongest(weights)) == 9
    assert (
        filter_caption(weights, colours=False)
        == "its 9 strongest inputs of 12, each 2 × 2; red: above 0, blue: below"
    )
    assert filter_caption(np.zeros((5, 1, 1)), colours=False).startswith(
        "the weights of its 5 inputs, row by row"
    )
    assert filter_tile(np.zeros((5, 1, 1)), colours=False).shape == (2, 3, 3)


def test_the_frame_is_around_the_patch() -> None:
    photo = np.zeros((10, 10, 3), dtype=np.uint8)
    framed = marked(photo, (2, 4, 6, 8), 100)
    frame = np.round(255 * np.array(to_rgb(FRAME)))
    assert framed.shape == (100, 100, 3)
    assert (framed[20:60, 40:80] == 0).all(), "what is seen stays as it is"
    for row, column in ((19, 50), (60, 50), (40, 39), (40, 80)):
        assert framed[row, column].tolist() == frame.tolist()
    assert (marked(photo, (0, 0, 10, 10), 100) == 0).all(), "no frame around the whole"


def test_a_patch_at_the_border_lies_where_the_unit_sees_it() -> None:
    photo = RANDOM.integers(0, 255, (8, 9, 3), dtype=np.uint8)
    assert np.array_equal(patch(photo, (1, 2, 4, 5), (3, 3)), photo[1:4, 2:5])
    corner = patch(photo, (0, 0, 2, 2), (3, 3))
    assert np.array_equal(corner[1:, 1:], photo[:2, :2])
    assert (corner[0] == OUTSIDE).all()
    last = patch(photo, (6, 7, 8, 9), (3, 3))
    assert np.array_equal(last[:2, :2], photo[6:, 7:])
    assert (last[:, 2] == OUTSIDE).all()


def row_of(count: int, side: int) -> UnitRow:
    return UnitRow(
        name="unit 3",
        notes=["fires in 50.0% of images"],
        dead=False,
        filter_IHW=RANDOM.normal(size=(3, 5, 5)),
        excited_HWC=np.full((side, side, 3), 200, dtype=np.uint8),
        excited_box=(1, 1, 6, 6),
        excited_note="gives 2",
        photos_NHWC=RANDOM.integers(0, 255, (count, side, side, 3), dtype=np.uint8),
        boxes=[(0, 1, 5, 6)] * count,
        captions=["1.2\na very long name of a class"] * count,
    )


@pytest.mark.parametrize("size", [(5, 5), (8, 8)])
def test_sheets(size: tuple[int, int]) -> None:
    row = row_of(9, 8)
    dead = replace(row_of(0, 8), dead=True, excited_HWC=None, filter_IHW=None, notes=["dead: 0 everywhere"])

    def sheet(*rows: UnitRow) -> np.ndarray:
        return unit_sheet(rows, colours=True, size=size, title="t", note="n", of="features.0")

    one, two = sheet(row), sheet(row, dead)
    assert two.shape[0] > one.shape[0] + PANEL * 130
    assert two.shape[1] == one.shape[1]
    assert sheet(dead).shape[1] < one.shape[1]
