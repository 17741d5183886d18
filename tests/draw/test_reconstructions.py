"""Images and what became of them."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.draw.reconstructions import extremes, ranked, reconstructions, traversal

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("channels", [1, 3])
def test_reconstructions(channels: int) -> None:
    images = RANDOM.random((3, 8, 8, channels))
    for picture in (
        reconstructions(images, images / 2, ["a", "b", "c"], title="t", note="n"),
        extremes(
            {"best": (images, images, ["a"] * 3), "worst": (images, 1 - images, ["b"] * 3)},
            title="t",
            note="",
        ),
        traversal(RANDOM.random((2, 3, 8, 8, channels)), RANDOM.normal(size=(2, 3)), title="t", note="n"),
    ):
        assert (picture[-1] == 255).all()
        assert (picture[:, -1] == 255).all()


@pytest.mark.parametrize("count", [1, 13])
def test_ranks_are_not_cut(count: int) -> None:
    images, name = RANDOM.random((count, 8, 8, 3)), ["a rather long class name 한글 $x"] * count
    picture = ranked(images, 1 - images, name, name, title="t", note="n", marked=[True] * count)
    assert (picture[-1] == 255).all()
    assert (picture[:, -1] == 255).all()
