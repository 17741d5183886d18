"""Loss and metrics over epochs."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from pellucid.draw.sheet import COLOURS, FAINT, INK, Picture, Sheet
from pellucid.metrics.curves import STAGES, MetricPoints, Points
from pellucid.system.number_text import number

COLUMNS = 4
STAGE_COLOURS = dict(zip(STAGES, (COLOURS[0], COLOURS[2], COLOURS[4]), strict=True))


def draw_curves(
    metrics: MetricPoints, *, title: str, note: str = "", lr: Points = (), best: int | None = None
) -> Picture:
    """A panel for each metric, all stages together, and one for the learning rate where there is one; a thin
    line marks the ``best`` epoch. More than COLUMNS panels take several rows.
    """
    panels = {**metrics, **({"lr": {"": lr}} if lr else {})}
    width, height, gap, row = 2.7, 2.3, 1.25, 3.0
    rows = -(-len(panels) // COLUMNS)
    sheet = Sheet(0.2 + max(1, min(len(panels), COLUMNS)) * (width + gap), max(0.6, row * rows + 0.65))
    sheet.title(title, note)
    for panel, (name, points) in enumerate(panels.items()):
        x, y = 0.6 + panel % COLUMNS * (width + gap), 0.77 + panel // COLUMNS * row
        axes = epoch_axes(sheet, x, y, width, height, "learning rate" if name == "lr" else name)
        if best is not None:
            axes.axvline(best, color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)))
        ends = [_line(axes, points[stage], STAGE_COLOURS.get(stage, INK), stage) for stage in points]
        if name == "lr" and lr:
            axes.set_ylim(0, 1.1 * max(value for _, value in lr) or 1)
        _name_ends(axes, ends)
    return sheet.picture()


def epoch_axes(sheet: Sheet, x: float, y: float, width: float, height: float, name: str) -> Axes:
    """Axes for curves over epochs."""
    axes = sheet.axes(x, y, width, height)
    axes.set_title(name, fontsize=8.5, color=INK, loc="left")
    axes.set_xlabel("epoch", fontsize=8, color=FAINT)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
    # Else a common power of ten of large numbers stands where the title does.
    axes.yaxis.set_major_formatter(lambda tick, _: number(tick, digits=4))
    axes.grid(axis="y", color="#ececec", linewidth=0.7)
    return axes


End = tuple[float, float, str, str]  # epoch, value, text, colour


def _line(axes: Axes, points: Points, colour: str, label: str) -> End:
    epochs, values = zip(*points, strict=True)
    axes.plot(
        epochs, values, color=colour, linewidth=1.6, marker="o", markersize=3 if len(points) < 30 else 0
    )
    return epochs[-1], values[-1], f"{label} {number(values[-1])}".strip(), colour


def _name_ends(axes: Axes, ends: list[End]) -> None:
    """The last values beside the ends of their lines, kept apart where the lines end together."""
    low, high = axes.get_ylim()
    spacing = 0.07 * (high - low)
    ends = sorted(ends, key=lambda end: end[1])
    heights = _apart([value for _, value, _, _ in ends], spacing)
    for (epoch, _, text, colour), y in zip(ends, heights, strict=True):
        axes.annotate(text, (epoch, y), (6, 0), textcoords="offset points", va="center", size=7, color=colour)


def _apart(values: Sequence[float], spacing: float) -> list[float]:
    """Rising values, moved as little as keeps them ``spacing`` apart: those that touch share their middle."""
    groups: list[list[float]] = []
    for value in values:
        groups.append([value])
        while len(groups) > 1 and _start(groups[-1], spacing) < _end(groups[-2], spacing):
            last = groups.pop()
            groups[-1] += last
    return [_start(group, spacing) + spacing * index for group in groups for index in range(len(group))]


def _start(group: Sequence[float], spacing: float) -> float:
    return sum(group) / len(group) - spacing * (len(group) - 1) / 2


def _end(group: Sequence[float], spacing: float) -> float:
    return _start(group, spacing) + spacing * len(group)
