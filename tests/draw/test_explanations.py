"""Maps of explanations as colours, and their picture."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.draw.explanations import LIMIT, Column, explanations, map_picture

RANDOM = np.random.default_rng(0)


def test_the_same_map_at_any_strength_is_the_same_picture() -> None:
    values = RANDOM.normal(size=(6, 6))
    one, other = (map_picture(values * scale, signed=True) for scale in (1e-9, 1e6))
    assert np.allclose(one, other, atol=1 / 255)


def test_a_signed_map_is_symmetric_about_0() -> None:
    values = np.array([[LIMIT, -LIMIT], [0.0, 0.0]])
    picture = map_picture(values, signed=True, unit=1.0)
    assert picture[0, 0, 0] > picture[0, 0, 2], "for the class: red"
    assert picture[0, 1, 2] > picture[0, 1, 0], "against it: blue"
    assert np.ptp(picture[1, 0]) < 0.02


def test_a_map_of_zeros_has_no_colour() -> None:
    assert np.isfinite(map_picture(np.zeros((3, 3)), signed=True)).all()
    assert map_picture(np.zeros((3, 3)), signed=False).max() < 0.05


@pytest.mark.parametrize(("count", "methods", "side"), [(1, 1, 28), (2, 4, 224)])
def test_explanations(count: int, methods: int, side: int) -> None:
    columns = {
        f"method {k}": Column(RANDOM.normal(size=(count, side, side)), k % 2 == 0, ["Δ 0.02"] * count)
        for k in range(methods)
    }
    photos = RANDOM.integers(0, 255, (count, side, side, 3), dtype=np.uint8)
    titles = ["true cat, predicted dog; explained: dog, score 3.21"] * count
    picture = explanations(photos, titles, [True] * count, columns, title="t")
    assert (picture[-1] == 255).all()
    assert (picture[:, -1] == 255).all()
