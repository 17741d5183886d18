"""Which epoch is the best."""

from __future__ import annotations

import math

import pytest

from pellucid.metrics.curves import best_epoch


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
