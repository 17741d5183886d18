"""Learning curves: every metric by stage and epoch, and the best epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pellucid.metrics.curves import STAGES, MetricPoints, Points, Rows, best_epoch

SERIES = (*STAGES, "")  # others' metrics may name no stage: /loss


@dataclass(frozen=True)
class Curves:
    """The values of each metric by the stages that have some, "" where none is named; learning rates; the
    ``epochs`` of all rows.
    """

    epochs: Sequence[int]
    metrics: MetricPoints
    lr: Points


def curves(rows: Rows) -> Curves:
    """Series of the metrics; of two that are the same in every epoch (loss and mse) the later one."""
    name_of: dict[tuple[float | None, ...], str] = {}
    for name in dict.fromkeys(
        key.partition("/")[2] for row in rows for key in row if key.partition("/")[0] in SERIES and "/" in key
    ):
        name_of[tuple(row.get(f"{stage}/{name}") for row in rows for stage in SERIES)] = name
    metrics = {
        name: {stage: points for stage in SERIES if (points := _points(rows, f"{stage}/{name}"))}
        for name in name_of.values()
    }
    return Curves([int(row["epoch"]) for row in rows], metrics, _points(rows, "lr"))


def _points(rows: Rows, key: str) -> Points:
    return [(int(row["epoch"]), row[key]) for row in rows if key in row]


def best_point(rows: Rows, monitor: str, mode: str) -> tuple[int, float] | None:
    """The best epoch and its value; None without any."""
    best = best_epoch(rows, monitor, mode)
    return (best, rows[best - 1][monitor]) if best and monitor in rows[best - 1] else None
