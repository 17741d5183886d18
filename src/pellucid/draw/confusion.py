"""Which classes are taken for which.

Axes: K classes; rows are the true class, columns the predicted one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.draw.sheet import FAINT, INK, Picture, Sheet, fit, length
from pellucid.metrics.confusion import Confusion

MAX_NUMBERED = 25  # classes: above it cells hold no numbers
PAIRS, WORST = 12, 12


def draw_confusion(confusion: Confusion, *, title: str, note: str) -> Picture:
    """The matrix, coloured by the share of its row; beside it scores by class and the commonest mistakes."""
    classes, shares_KK = confusion.classes, confusion.shares
    count = len(classes)
    numbered = count <= MAX_NUMBERED
    side = float(np.clip(0.42 * count, 2.6, 6.2))
    table_rows = count if numbered else WORST
    table = 0.25 + 0.17 * table_rows
    height = max(side + 1.0, table + 0.55 + 0.17 * PAIRS)
    left = 1.35
    sheet = Sheet(left + side + 0.55 + 4.2, 0.75 + height)
    sheet.title(title, note)
    axes = sheet.axes(left, 0.75, side, side)
    axes.imshow(shares_KK, cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    axes.set_xlabel("predicted class", fontsize=8)
    axes.set_ylabel("true class", fontsize=8)
    if numbered:
        names = [fit(name, 0.85, 7) for name in classes]
        slant: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
        upright = max(length(name, 7) for name in names) < 0.8 * 72 * side / count
        axes.set_xticks(range(count), names, parse_math=False, **({} if upright else slant))
        axes.set_yticks(range(count), names, parse_math=False)
        size = float(np.clip(110 * side / count / 6, 5, 8))
        for (row, column), value in np.ndenumerate(confusion.counts_KK):
            if value:
                colour = "white" if shares_KK[row, column] > 0.55 else INK
                axes.text(column, row, f"{value}", ha="center", va="center", size=size, color=colour)
    x = left + side + 0.45
    y = _table(sheet, confusion, x=x, y=0.72, worst=not numbered)
    _pairs(sheet, confusion, x=x, y=y + 0.2)
    return sheet.picture()


def _table(sheet: Sheet, confusion: Confusion, *, x: float, y: float, worst: bool) -> float:
    classes, scores = confusion.classes, confusion.scores
    labels = list(range(len(classes)))
    if worst:  # a class without images has no F1 and comes last
        labels = [int(label) for label in np.argsort(np.nan_to_num(scores.f1_K, nan=2.0), kind="stable")]
        labels = labels[:WORST]
    head = (f"the {len(labels)} worst classes" if worst else "class", "precision", "recall", "F1", "images")
    rights = (x + 1.9, x + 2.5, x + 3.0, x + 3.6)
    sheet.text(head[0], x, y, size=7.5, bold=True)
    for right, text in zip(rights, head[1:], strict=True):
        sheet.text(text, right, y, size=7.5, bold=True, align="right")
    for label in labels:
        y += 0.17
        sheet.text(classes[label], x, y, width=1.25, size=7.5)
        for right, text in zip(rights, confusion.texts(label), strict=True):
            sheet.text(text, right, y, size=7.5, align="right")
    return y + 0.17


def _pairs(sheet: Sheet, confusion: Confusion, *, x: float, y: float) -> None:
    classes = confusion.classes
    sheet.text("most confused: true → predicted", x, y, size=7.5, bold=True)
    pairs = confusion.pairs(PAIRS)
    for true, predicted, count in pairs:
        y += 0.17
        images = int(confusion.counts_KK[true].sum())
        sheet.text(f"{fit(classes[true], 1.2, 7.5)} → {fit(classes[predicted], 1.2, 7.5)}", x, y, size=7.5)
        sheet.text(f"{count} of {images}", x + 3.6, y, size=7.5, align="right")
    if not pairs:
        sheet.text("no mistakes", x, y + 0.17, size=7.5, colour=FAINT)
