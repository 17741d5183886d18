"""Pictures of two runs: what is drawn is what is given, and nothing is cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes

from pellucid.draw.comparison import (
    RUNS,
    agreement_map,
    compared_curves,
    compared_reconstructions,
    similarity_map,
)
from pellucid.view.curves import curves

RANDOM = np.random.default_rng(0)
NAMES = ["1: " + "a rather long name of a run " * 6, "2: b$c_d^e"]


def uncut(picture: np.ndarray) -> bool:
    return bool((picture[-1] == 255).all() and (picture[:, -1] == 255).all())


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[float], list[float], dict[str, Any]]]:
    """The lines that are drawn: their points and how."""
    drawn: list[tuple[list[float], list[float], dict[str, Any]]] = []
    plot = Axes.plot

    def keep(self: Axes, x: Any, y: Any, **options: Any) -> Any:
        drawn.append((list(x), list(y), options))
        return plot(self, x, y, **options)

    monkeypatch.setattr(Axes, "plot", keep)
    return drawn


def test_curves_of_different_lengths(lines: list[tuple[list[float], list[float], dict[str, Any]]]) -> None:
    one = [{"epoch": 1.0, "train/loss": 4.0, "val/loss": 5.0, "test/loss": 9.0}]
    other = [{"epoch": e, "train/loss": 1 / e, "val/loss": 2 / e} for e in (1.0, 2.0, 3.0)]
    del other[1]["val/loss"]  # an epoch without validation
    assert uncut(compared_curves([curves(one).metrics, curves(other).metrics], NAMES, title="t"))
    assert [(x, y) for x, y, _ in lines] == [
        ([1.0], [5.0]),
        ([1.0], [4.0]),
        ([1.0, 3.0], [2.0, 2 / 3]),
        ([1.0, 2.0, 3.0], [1.0, 0.5, 1 / 3]),
    ]
    assert [options["color"] for _, _, options in lines] == [RUNS[0]] * 2 + [RUNS[1]] * 2
    assert [options["linestyle"] == "-" for _, _, options in lines] == [True, False] * 2
    assert [bool(options["marker"]) for _, _, options in lines] == [True, True, False, False], (
        "a point is seen"
    )


def test_a_metric_of_one_run_alone_has_its_panel() -> None:
    one = curves([{"epoch": e, "val/loss": 1 / e, "val/accuracy": e / 4} for e in (1, 2)]).metrics
    other = curves([{"epoch": e, "val/loss": 1 / e, "val/top5": e / 3} for e in (1, 2)]).metrics
    wide, narrow = (compared_curves([one, metrics], NAMES, title="t") for metrics in (other, one))
    assert wide.shape[1] > narrow.shape[1]


@pytest.mark.parametrize("shape", [(1, 1), (3, 24), (24, 2), (24, 24)])
def test_any_number_of_layers(shape: tuple[int, int]) -> None:
    values = RANDOM.random(shape)
    values[0, 0] = np.nan
    rows, columns = ([f"backbone.layer{place}.some.block.conv" for place in range(size)] for size in shape)
    picture = similarity_map(values, rows, columns, NAMES, title="t", note="n")
    assert uncut(picture)
    assert max(picture.shape) < 1400


def test_likeness_is_light_and_a_layer_without_one_is_grey() -> None:
    """0 is the darkest of the colours, 1 the lightest; also slightly below 0."""
    values = np.array([[1.0, 0.0], [-0.1, np.nan]])
    picture = similarity_map(values, ["a", "b"], ["c", "d"], NAMES, title="t", note="n").astype(int)

    def middle(colour: tuple[int, int, int]) -> tuple[float, float]:
        """Of the places of that colour, most of which are a cell's."""
        places = np.argwhere((np.abs(picture - colour) <= 1).all(axis=2))
        assert len(places) > 1500
        y, x = np.median(places, axis=0).tolist()
        return y, x

    light, grey, dark = (middle(colour) for colour in ((252, 253, 191), (217, 217, 217), (0, 0, 4)))
    assert light[0] < dark[0] < grey[0]
    assert light[1] < dark[1] < grey[1], "the first net's layers are the rows, from the top left"


@pytest.mark.parametrize("counts", [(0, 0), (0, 2), (6, 6)])
def test_redrawn(counts: tuple[int, int]) -> None:
    groups = {
        name: (
            RANDOM.integers(0, 255, (count, 8, 8, 3), dtype=np.uint8),
            RANDOM.random((count, 8, 8, 1)),
            RANDOM.random((count, 16, 16, 1)),
            RANDOM.random((2, count)),
        )
        for name, count in zip(("1 is better", "2 is better"), counts, strict=True)
    }
    assert uncut(compared_reconstructions(groups, NAMES, title="t"))


@pytest.mark.parametrize("count", [2, 3, 8, 12])
def test_any_number_of_runs(count: int) -> None:
    names = [*NAMES, *(f"run {index}" for index in range(count - 2))]
    values = np.clip(RANDOM.random((count, count)), 0.2, 1)
    picture = agreement_map(values, names, title="t", note="n")
    assert uncut(picture)
    metrics = [
        curves([{"epoch": e, "val/loss": index / e} for e in (1, 2)]).metrics for index in range(count)
    ]
    lines = compared_curves(metrics, names, title="t")
    assert uncut(lines)
    assert lines.shape[0] > compared_curves(metrics[:1], names[:1], title="t").shape[0]
