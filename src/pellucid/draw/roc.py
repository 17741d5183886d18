"""How well one figure parts two kinds of images.

Axes: N images, T thresholds.
"""

from __future__ import annotations

import numpy as np

from pellucid.draw.sheet import COLOURS, FAINT, INK, Picture, Sheet, fit
from pellucid.errors import counted

POSITIVE, REST = COLOURS[2], COLOURS[0]
MIN_BINS, MAX_BINS = 8, 40


def roc(
    false_T: np.ndarray,
    true_T: np.ndarray,
    scores_N: np.ndarray,
    positive_N: np.ndarray,
    *,
    names: tuple[str, str],
    score: str,
    summary: str,
    title: str,
    note: str,
) -> Picture:
    """The ROC curve, rates in [0, 1], and beside it how the scores of either kind are spread.

    ``names``: of the positive images and of the others; ``score`` names what they are told apart by.
    """
    side, gap = 3.2, 0.95
    sheet = Sheet(2 * side + gap + 0.9, side + 1.5)
    sheet.title(title, note)
    sheet.text(summary, 0.72, 0.58, width=sheet.width - 0.8, size=8, colour=INK)
    axes = sheet.axes(0.72, 0.86, side, side)
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.plot(false_T, true_T, color=INK, linewidth=1.6)  # slanting where scores are equal
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    for letter, rate, name in (("x", "false positive rate", names[1]), ("y", "true positive rate", names[0])):
        text = fit(f"{rate}, of {name}", side, 8)
        getattr(axes, f"set_{letter}label")(text, fontsize=8, parse_math=False)
    _spread(sheet, scores_N, positive_N, names, score, x=0.72 + side + gap, side=side)
    return sheet.picture()


def _spread(
    sheet: Sheet,
    scores_N: np.ndarray,
    positive_N: np.ndarray,
    names: tuple[str, str],
    score: str,
    *,
    x: float,
    side: float,
) -> None:
    axes = sheet.axes(x, 0.86, side, side)
    fewer = min(positive_N.sum(), (~positive_N).sum())
    bins = int(np.clip(2 * np.sqrt(fewer), MIN_BINS, MAX_BINS))
    edges = np.linspace(scores_N.min(), max(scores_N.max(), scores_N.min() + 1e-12), bins + 1)
    top = 0.0
    for members_N, colour in ((~positive_N, REST), (positive_N, POSITIVE)):
        share = np.histogram(scores_N[members_N], edges)[0] / members_N.sum()
        axes.stairs(share, edges, fill=True, color=colour, alpha=0.28)
        axes.stairs(share, edges, color=colour, linewidth=1.4)
        top = max(top, float(share.max()))
    axes.set(xlim=(edges[0], edges[-1]), ylim=(0, 1.22 * top))
    axes.set_xlabel(score, fontsize=8)
    axes.set_ylabel("share of its images", fontsize=8)
    for index, (name, members_N, colour) in enumerate(
        ((names[0], positive_N, POSITIVE), (names[1], ~positive_N, REST))
    ):
        text = f"■ {fit(name, side - 1, 8)}, {counted(int(members_N.sum()), 'image')}"
        sheet.text(text, x + side, 0.9 + 0.17 * index, size=8, colour=colour, align="right")
