"""Learning curves: which metrics the rows of ``metrics.csv`` hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

STAGES = ("train", "val", "test")


def metrics_of(rows: Sequence[Mapping[str, float]]) -> list[str]:
    """Names of the metrics; of two that are the same in every epoch (loss and mse) the later one."""
    found: dict[tuple[float | None, ...], str] = {}
    for name in dict.fromkeys(
        key.partition("/")[2] for row in rows for key in row if key.partition("/")[0] in STAGES
    ):
        found[tuple(row.get(f"{stage}/{name}") for row in rows for stage in STAGES)] = name
    return list(found.values())
