"""A net as boxes from its input down to its output, with arrows where one takes what another gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from pellucid.draw.sheet import COLOURS, FAINT, INK, Picture, Sheet, fit

ROWS = 36  # boxes in a column
BOX, STEP, WIDTH = 0.3, 0.44, 3.7  # inches
LANE, MAX_LANES = 0.11, 4  # of arrows past boxes, beside a column
TINTS = {
    "conv": COLOURS[0],
    "linear": COLOURS[1],
    "norm": COLOURS[3],
    "pool": COLOURS[7],
    "relu": COLOURS[9],
    "elu": COLOURS[9],
    "sigmoid": COLOURS[9],
    "add": COLOURS[4],
    "cat": COLOURS[4],
}  # by what a kind's name holds; others are white


@dataclass(frozen=True)
class Box:
    """A part of a net, the text at its right, and the indices of those that it takes from; none where it
    takes the image.
    """

    name: str
    kind: str
    right: str
    sources: Sequence[int]


def draw_dataflow(boxes: Sequence[Box], *, title: str, note: str = "") -> Picture:
    """Boxes in their order, in columns of ``ROWS``; an arrow past others goes at the right of the column."""
    columns = max(1, -(-len(boxes) // ROWS))
    rows = -(-len(boxes) // columns)
    gap = 0.35 + MAX_LANES * LANE
    width, height = 0.24 + columns * (WIDTH + gap), rows * STEP + 0.1
    sheet = Sheet(max(width, 4.2), 0.62 + height)
    sheet.title(title, note)
    axes = sheet.axes(0, 0.62, width, height)
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    corners = [(0.12 + index // rows * (WIDTH + gap), index % rows * STEP) for index in range(len(boxes))]
    for box, (x, y) in zip(boxes, corners, strict=True):
        _draw_box(axes, box, x, y)
    _draw_arrows(axes, boxes, corners, rows, gap)
    return sheet.picture()


def _draw_box(axes: Axes, box: Box, x: float, y: float) -> None:
    tint = next((colour for part, colour in TINTS.items() if part in box.kind.lower()), "white")
    shape = FancyBboxPatch(
        (x + 0.03, y + 0.03),
        WIDTH - 0.06,
        BOX - 0.06,
        boxstyle="round,pad=0.03",
        facecolor=(tint, 0.25),
        edgecolor=(FAINT, 0.6),
        linewidth=0.7,
    )
    axes.add_patch(shape)
    shape.set_clip_on(False)  # the edge of the uppermost is on that of the axes
    middle = y + BOX / 2
    same = box.name.rpartition(".")[2] == box.kind
    for text, place, align, colour, room in (
        (box.name, x + 0.08, "left", INK, 1.5),
        ("" if same else box.kind, x + 1.6, "left", FAINT, 0.95),
        (box.right, x + WIDTH - 0.08, "right", INK, 1.05),
    ):
        axes.text(
            *(place, middle, fit(text, room, 7.5)),
            size=7.5,
            color=colour,
            ha=align,
            va="center_baseline",
            parse_math=False,
        )


def _draw_arrows(
    axes: Axes, boxes: Sequence[Box], corners: Sequence[tuple[float, float]], rows: int, gap: float
) -> None:
    """Straight down to the next box, else along the first lane that no other arrow takes there."""
    taken: list[list[tuple[int, int]]] = [[] for _ in range(MAX_LANES)]
    for target, box in enumerate(boxes):
        for source in box.sources:
            (x, y), (end_x, end_y) = corners[source], corners[target]
            middle, right = end_x + WIDTH / 2, x + WIDTH
            if target == source + 1 and end_x == x:
                _arrow(axes, [(middle, y + BOX), (middle, end_y)])
            elif end_x == x:
                lane = next(
                    (n for n in range(MAX_LANES) if _is_free(taken[n], source, target)), MAX_LANES - 1
                )
                taken[lane].append((source, target))
                side = right + 0.14 + lane * LANE
                start, end = y + BOX / 2 + 0.05, end_y + BOX / 2 - 0.05
                _arrow(axes, [(right, start), (side, start), (side, end), (right, end)])
            else:  # up to the next column's side
                side, start, end = end_x - 0.14, y + BOX / 2 + 0.05, end_y + BOX / 2
                _arrow(axes, [(right, start), (side, start), (side, end), (end_x, end)])


def _is_free(lane: Sequence[tuple[int, int]], source: int, target: int) -> bool:
    return all(target <= start or end <= source for start, end in lane)


def _arrow(axes: Axes, points: Sequence[tuple[float, float]]) -> None:
    xs, ys = zip(*points[:-1], strict=True)
    axes.plot(xs, ys, color=FAINT, linewidth=0.9, solid_joinstyle="round")
    style = {
        "arrowstyle": "-|>",
        "color": FAINT,
        "linewidth": 0.9,
        "shrinkA": 0,
        "shrinkB": 0,
        "mutation_scale": 7,
    }
    axes.annotate("", points[-1], points[-2], arrowprops=style)
