"""The page's section of loss and metrics over epochs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pellucid.draw.curves import STAGE_COLOURS
from pellucid.metrics.curves import Points
from pellucid.system.number_text import number
from pellucid.view.curves import Curves

WIDTH, HEIGHT = 440, 230  # of a panel's plot, in pixels
LONG = 5  # digits before or behind the point, above which a tick has a power of ten
SAME = 1e-6  # of their size: values that differ by less are drawn as one
STAGE_NAMES = {"train": "training", "val": "validation", "test": "test"}


@dataclass(frozen=True)
class Line:
    """A stage's values by epoch; ``path`` and ``points`` (x, y, epoch, value) as they are drawn."""

    stage: str
    name: str
    colour: str
    path: str
    points: Sequence[tuple[float, float, int, float]]


@dataclass(frozen=True)
class Panel:
    """One metric. Ticks are (place, text); ``best`` is where the epoch of the best checkpoint stands."""

    name: str
    lines: Sequence[Line]
    x_ticks: Sequence[tuple[float, str]]
    y_ticks: Sequence[tuple[float, str]]
    best: float | None


def panels(curves: Curves, best: int | None) -> list[Panel]:
    """A panel for each metric, all stages together."""
    return [_panel(name, series, curves.epochs, best) for name, series in curves.metrics.items()]


def _panel(name: str, series: Mapping[str, Points], epochs: Sequence[int], best: int | None) -> Panel:
    from matplotlib.ticker import MaxNLocator

    values = [value for points in series.values() for _, value in points]
    first, last = epochs[0], epochs[-1]
    lowest, highest = min(values), max(values)
    room = 0.0 if highest - lowest > SAME * abs(highest) else 0.05 * abs(highest) or 0.05
    y_ticks = MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]).tick_values(lowest - room, highest + room)
    low, high = float(y_ticks[0]), float(y_ticks[-1])
    decimals = max(0, 1 - math.floor(math.log10(y_ticks[1] - y_ticks[0]) + 1e-9))
    is_long = decimals > LONG or max(-low, high) >= 10**LONG
    x_ticks = [
        tick
        for tick in MaxNLocator(nbins=7, integer=True, min_n_ticks=1).tick_values(first, last)
        if first <= tick <= last
    ]

    def x(epoch: float) -> float:
        return round(WIDTH * (epoch - first) / (last - first) if last > first else WIDTH / 2, 1)

    def y(value: float) -> float:
        return round(HEIGHT * (high - value) / (high - low), 1)

    lines = [
        Line(
            stage=stage,
            name=STAGE_NAMES[stage],
            colour=STAGE_COLOURS[stage],
            path="M" + "L".join(f"{x(epoch)},{y(value)}" for epoch, value in points),
            points=[(x(epoch), y(value), epoch, value) for epoch, value in points],
        )
        for stage, points in series.items()
    ]
    return Panel(
        name=name,
        lines=lines,
        x_ticks=[(x(tick), f"{tick:.0f}") for tick in x_ticks],
        y_ticks=[
            (y(tick), number(tick, digits=4) if is_long else f"{tick:.{decimals}f}".replace("-", "−"))
            for tick in y_ticks
        ],
        best=x(best) if best is not None and first <= best <= last else None,
    )
