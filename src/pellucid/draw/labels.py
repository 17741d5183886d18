"""How well each label of a multi-label classifier is told.

Axes: K labels.
"""

from __future__ import annotations

import numpy as np

from pellucid.draw.sheet import COLOURS, FAINT, Picture, Sheet
from pellucid.errors import counted
from pellucid.metrics.labels import LabelScores

MAX_LABELS = 40
ROW, NAME, BARS, COLUMN = 0.24, 1.7, 3.0, 0.72  # inches
TRACK, PRECISION, F1 = "#ececec", COLOURS[0], COLOURS[2]


def draw_labels(scores: LabelScores, *, title: str, note: str) -> Picture:
    """A row a label: a bar of its average precision with a mark at its F1, and the numbers beside it.

    Of very many labels the worst.
    """
    shown = np.arange(len(scores.labels))
    if len(shown) > MAX_LABELS:
        shown = np.argsort(np.nan_to_num(scores.average_precision_K, nan=2.0), kind="stable")[:MAX_LABELS]
        note += f"; the {MAX_LABELS} worst of {counted(len(scores.labels), 'label')}"
    left = 0.12 + NAME
    width = left + BARS + 0.1 + COLUMN * len(scores.heads) + 0.15
    sheet = Sheet(width, 0.95 + ROW * len(shown) + 0.35)
    sheet.title(title, note)
    y = 0.66
    sheet.text("label", 0.12, y, size=7.5, bold=True)
    sheet.text("■ average precision", left, y, size=7.5, colour=PRECISION)
    sheet.text("◆ F1 at its threshold", left + 1.35, y, size=7.5, colour=F1)
    rights = [left + BARS + 0.1 + COLUMN * (index + 1) for index in range(len(scores.heads))]
    for right, head in zip(rights, scores.heads, strict=True):
        sheet.text(head, right, y, size=7.5, bold=True, align="right")
    top, height = y + 0.22, ROW * len(shown)
    axes = sheet.axes(left, top, BARS, height)
    rows = np.arange(len(shown))
    precision_S, f1_S = scores.average_precision_K[shown], scores.f1_K[shown]
    axes.barh(rows, np.ones(len(rows)), height=0.62, color=TRACK)
    axes.barh(rows, np.nan_to_num(precision_S), height=0.62, color=PRECISION, alpha=0.85)
    axes.plot(f1_S, rows, "D", color=F1, markersize=4.2, markeredgecolor="white", markeredgewidth=0.6)
    axes.set(xlim=(0, 1.01), ylim=(len(rows) - 0.5, -0.5), yticks=[])
    axes.spines["left"].set_visible(False)
    for row, label in enumerate(shown.tolist()):
        line = top + ROW * row + 0.05
        sheet.text(scores.labels[label], 0.12, line, width=NAME - 0.1, size=8)
        for right, text in zip(rights, scores.texts(label), strict=True):
            sheet.text(text, right, line, size=8, colour=FAINT if text == "–" else "#1f1f1f", align="right")
    return sheet.picture()
