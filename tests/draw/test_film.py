"""Which epochs a film strip shows, and the strip."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.draw.film import MAX_FRAMES, Frame, _at_dots, film_strip
from pellucid.metrics.spread import evenly_spread


@pytest.mark.parametrize(("total", "expected"), [(1, [0]), (3, [0, 1, 2]), (100, 10)])
def test_frames_are_spread_and_hold_both_ends(total: int, expected: list[int] | int) -> None:
    chosen = evenly_spread(total, MAX_FRAMES)
    if isinstance(expected, list):
        assert chosen == expected
    else:
        assert len(chosen) == expected
        assert (chosen[0], chosen[-1]) == (0, total - 1)
        assert max(np.diff(chosen)) - min(np.diff(chosen)) <= 1


def test_a_film_strip_shows_what_it_is_given() -> None:
    red, green = np.zeros((2, 2, 3)), np.zeros((2, 2, 3))
    red[..., 0] = green[..., 1] = 1
    frames = [Frame(1, "dog 0.60", False, {"map": red}), Frame(2, "cat 0.90", True, {"map": green})]
    picture = film_strip(np.zeros((2, 2, 3), np.uint8), frames, title="t", note="n")
    colours = {tuple(colour) for colour in picture.reshape(-1, 3).tolist()}
    assert {(255, 0, 0), (0, 255, 0), (0, 0, 0)} <= colours
    columns = [
        np.flatnonzero((picture == colour).all(axis=2).any(axis=0)) for colour in ((255, 0, 0), (0, 255, 0))
    ]
    assert columns[0].max() < columns[1].min(), "epochs from left to right"


def test_layers_that_differ_in_the_middle_of_their_names_can_be_told_apart() -> None:
    assert _at_dots("conv1", 1.0) == ["conv1"]
    assert _at_dots("at net.layer4", 1.0) == ["at net.layer4"]
    for stage in ("layer2", "layer4"):
        name = f"net.{stage}.0.downsample.1"
        lines = _at_dots(name, 1.0)
        assert len(lines) > 1
        assert "".join(lines) == name
        assert _at_dots(name, 2.27) == [name]
