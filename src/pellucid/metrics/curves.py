"""Learning curves: values of metrics by stage and epoch, and which epoch is the best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

STAGES = ("train", "val", "test")
Rows = Sequence[Mapping[str, float]]  # an epoch each: epoch, train/loss, val/accuracy, lr …
Points = Sequence[tuple[int, float]]  # epoch, value
MetricPoints = Mapping[str, Mapping[str, Points]]  # of each metric and stage


def best_epoch(rows: Rows, monitor: str, mode: str) -> int | None:
    """The first epoch with the best finite value, counted from 1; without any value, the last one without."""
    scores = {number: row[monitor] for number, row in enumerate(rows, start=1) if monitor in row}
    finite = {number: score for number, score in scores.items() if math.isfinite(score)}
    if finite:
        return (max if mode == "max" else min)(finite, key=lambda number: finite[number])
    return max((number for number in range(1, len(rows) + 1) if number not in scores), default=None)
