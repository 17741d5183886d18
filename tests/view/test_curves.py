"""Learning curves by hand, and which epoch is the best."""

from __future__ import annotations

import math

import pytest

from pellucid.metrics.curves import best_epoch
from pellucid.view.curves import best_point, curves


@pytest.mark.parametrize(
    ("mode", "scores", "better"),
    [
        ("max", [0.5, 0.5, 0.6, float("nan"), 0.55], [True, False, True, False, False]),
        ("min", [0.5, 0.4, 0.4, float("inf"), 0.3], [True, True, False, False, True]),
    ],
)
def test_which_epoch_is_the_best(mode: str, scores: list[float], better: list[bool]) -> None:
    rows = [{"val/x": score} for score in scores]
    assert [best_epoch(rows[:n], "val/x", mode) == n for n in range(1, len(rows) + 1)] == better


def test_without_a_score_the_newest_epoch_counts_until_one_has_one() -> None:
    rows: list[dict[str, float]] = [{}, {}, {"val/x": math.nan}, {"val/x": 0.1}, {}]
    assert [best_epoch(rows[:n], "val/x", "max") for n in range(6)] == [None, 1, 2, 2, 4, 4]


def test_curves_leave_out_a_metric_that_is_the_loss_and_epochs_without_a_value() -> None:
    rows = [
        {"epoch": e, "train/loss": 1 / e, "train/mse": 1 / e, "val/loss": 2.0, "val/mse": 2.0} for e in (1, 2)
    ]
    assert list(curves(rows).metrics) == ["mse"]
    rows[1] |= {"val/mse": 3.0, "lr": 0.1}
    del rows[0]["val/mse"]
    found = curves(rows)
    assert found.epochs == [1, 2]
    assert found.metrics["loss"] == {"train": [(1, 1.0), (2, 0.5)], "val": [(1, 2.0), (2, 2.0)]}
    assert found.metrics["mse"]["val"] == [(2, 3.0)]
    assert found.lr == [(2, 0.1)]
    assert best_point(rows, "val/mse", "min") == (2, 3.0)
    assert best_point(rows, "val/accuracy", "max") is None
