"""The other pictures: numbers worked out by hand, and any size that a user may bring."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.draw.confusion import confusion
from pellucid.draw.curves import curves
from pellucid.draw.explanations import LIMIT, Column, explanations, map_picture
from pellucid.draw.film import Frame, choose_frames, film_strip
from pellucid.draw.grid import image_grid, paired_grid
from pellucid.draw.layers import LayerRow, layer_chart
from pellucid.draw.reconstructions import extremes, reconstructions, traversal
from pellucid.draw.scatter import scatter

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("classes", [2, 10, 25, 26, 200])
def test_confusion_for_any_number_of_classes(classes: int) -> None:
    counts = RANDOM.integers(0, 30, (classes, classes))
    names = [f"a rather long class name {label}" for label in range(classes)]
    picture = confusion(counts, names, title="t", note="n")
    assert picture.shape[0] < 1500
    assert (picture[:, -1] == 255).all(), "nothing is cut at the right"
    assert (picture[-1] == 255).all(), "nothing is cut at the foot"


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


@pytest.mark.parametrize(("total", "expected"), [(1, [0]), (3, [0, 1, 2]), (100, 10)])
def test_frames_are_spread_and_hold_both_ends(total: int, expected: list[int] | int) -> None:
    chosen = choose_frames(range(total))
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


@pytest.mark.parametrize("epochs", [1, 100])
def test_curves(epochs: int) -> None:
    rows = [{"epoch": e, "train/loss": 1 / e, "lr": 1e-3, "val/loss": 0.5} for e in range(1, epochs + 1)]
    del rows[0]["val/loss"]  # an epoch without validation
    picture = curves(rows, title="t")
    assert (picture[:, -1] == 255).all()


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


@pytest.mark.parametrize("count", [0, 1, 7])
def test_grids(count: int) -> None:
    images = np.zeros((count, 4, 4, 3), np.uint8)
    captions = ["a very long caption that must not reach its neighbour"] * count
    picture = image_grid(images, captions, title="t", right=[True] * count, files=["file.png"] * count)
    assert (picture[:, -1] == 255).all()
    if count:
        assert paired_grid(images, images, captions, title="t", note="n", sides=("a", "b")).ndim == 3


def test_layers() -> None:
    rows = [LayerRow("a", 0.0, 1.0, 0.9, 10, 0.1), LayerRow("b" * 90, 1.0, 0.0, 0.0, 3, None)]
    assert layer_chart(rows, title="t", note="n").ndim == 3
    assert layer_chart([LayerRow("a", 0.0, 1.0, 1.0, 10, 0.0)], title="t", note="n").ndim == 3
