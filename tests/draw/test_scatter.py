"""Points of an embedding."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.draw.scatter import scatter

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize("classes", [2, 10, 50, 200])
def test_scatter(dimensions: int, classes: int) -> None:
    points = RANDOM.normal(size=(60, dimensions))
    labels = RANDOM.integers(0, classes, 60)
    names = [f"class {label}" for label in range(classes)]
    axes = ["a", "b", "c"][:dimensions]
    picture = scatter(points, labels, names, title="t", note="n", axes_names=axes)
    assert (picture[:, -1] == 255).all()


def test_scatter_of_one_point() -> None:
    picture = scatter(np.zeros((1, 2)), np.zeros(1, int), ["a"], title="t", note="n", axes_names=["", ""])
    assert (picture != 255).any()


def test_points_of_no_known_class_are_grey() -> None:
    points = np.array([[0.0, 0], [1, 1]])
    known, unknown = (
        scatter(points, np.full(2, label), ["a"], title="t", note="n", axes_names=["", ""])[100:, :700]
        for label in (0, -1)
    )
    saturation = [np.ptp(picture.astype(int), axis=2).max() for picture in (known, unknown)]
    assert saturation[0] > 100
    assert saturation[1] < 10


@pytest.mark.parametrize("count", [1, 13])
def test_long_names_and_points_of_no_known_class_are_not_cut(count: int) -> None:
    names = ["a rather long class name 한글 $x"] * 12
    picture = scatter(
        RANDOM.random((count, 2)), np.arange(count) - 1, names, title="t", note="n", axes_names=["", ""]
    )
    assert (picture[:, -1] == 255).all()
    assert (picture[-1] == 255).all()
