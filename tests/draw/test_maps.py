"""Feature maps: strength, death, order."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.draw.maps import draw_feature_maps, own_scale, shared_scale
from pellucid.draw.sheet import DEAD, SEQUENTIAL, colourise
from pellucid.metrics.maps import dead_maps, flat_maps


def ramps(count: int) -> np.ndarray:
    """Maps of 14 × 14 that rise from 0 to their number plus one."""
    ramp = np.linspace(0, 1, 14 * 14).reshape(14, 14)
    return np.stack([(place + 1) * ramp for place in range(count)])


def tile(page: np.ndarray, place: int, columns: int) -> np.ndarray:
    row, column = divmod(place, columns)
    return page[row * 30 : row * 30 + 28, column * 30 : column * 30 + 28]


def test_sixteen_tiles_are_maps_0_to_15() -> None:
    page = shared_scale(ramps(16), 0, 16)
    for place in range(16):
        expected = colourise(np.kron(ramps(16)[place], np.ones((2, 2))), 0, 16, SEQUENTIAL)
        assert np.array_equal(tile(page, place, 4), expected), place


def test_on_its_own_scale_every_map_uses_all_colours() -> None:
    page = own_scale(ramps(4), np.zeros(4, bool))
    assert all(np.array_equal(tile(page, 0, 2), tile(page, place, 2)) for place in (1, 2, 3))


def test_a_dead_map_is_grey_and_crossed_and_noise_is_not_stretched() -> None:
    maps = np.stack([ramps(4), ramps(4)])  # two images
    maps[:, 1] = 0
    maps[0, 2] = 3 + 1e-6 * np.random.default_rng(0).normal(size=(14, 14))
    assert dead_maps(maps).tolist() == [False, True, False, False]
    assert flat_maps(maps[0]).tolist() == [False, True, True, False]
    page = own_scale(maps[0], dead_maps(maps))
    dead, flat = tile(page, 1, 2), tile(page, 2, 2)
    assert np.allclose(dead[0, 5], DEAD)
    assert not np.allclose(dead[14, 14], DEAD), "the diagonal"
    assert len(np.unique(dead.reshape(-1, 3), axis=0)) == 2
    assert np.allclose(flat, DEAD), "flat here, alive elsewhere: no cross"


def test_maps_of_one_pixel_are_dead_only_if_nothing_moves_them() -> None:
    maps = np.zeros((2, 3, 1, 1))
    maps[1, 0] = 1
    assert dead_maps(maps).tolist() == [False, True, True]
    assert dead_maps(maps[:1]).tolist() == [False, False, False], "one number cannot tell"
    assert own_scale(maps[0], dead_maps(maps)).shape[0] > 28, "large enough for a cross"


def test_all_maps_dead() -> None:
    maps = np.zeros((2, 16, 4, 4))
    assert dead_maps(maps).all()
    assert (
        draw_feature_maps(np.zeros((2, 8, 8, 3), np.uint8), ["a", "b"], maps, shown=16, title="t").ndim == 3
    )


@pytest.mark.parametrize(("maps", "side"), [(1, 1), (3, 8), (64, 3), (200, 224)])
def test_any_number_and_size_of_maps(maps: int, side: int) -> None:
    values = np.random.default_rng(0).normal(size=(1, maps, side, side))
    picture = draw_feature_maps(np.zeros((1, 5, 5, 3), np.uint8), ["x"], values, shown=16, title="layer")
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3
