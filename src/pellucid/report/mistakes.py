"""The page's section of what the net takes for what: the confusion matrix, and the images in its cells.

Axes: N test images, K classes, H × W pixels.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from pellucid.draw.confusion import MOST_NUMBERED
from pellucid.draw.explanations import map_picture
from pellucid.explainer.base import Explainer
from pellucid.report.context import Context
from pellucid.report.picture import address, shrunk
from pellucid.view.confusion import confusion

MOST = 96  # images in all cells together
EACH = 8  # in one cell
SIDE = 112  # pixels
AT_ONCE = 8  # images explained together
PAIRS = 40  # cells of many classes


@dataclass
class Shown:
    """An image of a cell: addresses of the photo and, by method, of the maps of its predicted class."""

    file: str
    confidence: float
    photo: str
    maps: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Cell:
    """Images of class ``true`` that were taken for ``said``; ``count`` of them, some shown."""

    true: int
    said: int
    count: int
    images: Sequence[Shown]


@dataclass(frozen=True)
class Mistakes:
    """``counts`` (K, K), row the true class; ``cells`` by (true, said) for those that are not empty."""

    counts: Sequence[Sequence[int]]
    shares: Sequence[Sequence[float]]
    cells: Mapping[tuple[int, int], Cell]
    scores: Sequence[tuple[str, ...]]
    numbered: bool
    methods: Sequence[str]
    explained: int
    seconds: float
    shown: int
    images: int


def mistakes(context: Context) -> Mistakes:
    """The test images by true and predicted class, with why. Of a classifier."""
    assert context.evaluation is not None
    predictions = context.evaluation.predictions
    classes = len(context.classes)
    true_N, said_N = predictions.labels_N.numpy(), predictions.predicted.numpy()
    matrix = confusion(predictions, context.classes)
    counts_KK = matrix.counts_KK
    numbered = classes <= MOST_NUMBERED
    members = _members(true_N, said_N, predictions.confidence.numpy())
    if not numbered:
        wanted = [(true, said) for true, said, _ in matrix.pairs(PAIRS)]
        members = {cell: members[cell] for cell in wanted}
    order = _choose(members)
    shown = _shown(context, order, predictions.confidence)
    methods = _explain(context, order, said_N, shown)
    cells = {
        (true, said): Cell(true, said, int(counts_KK[true, said]), [shown[n] for n in places if n in shown])
        for (true, said), places in members.items()
    }
    return Mistakes(
        counts=counts_KK.tolist(),
        shares=np.round(matrix.shares, 3).tolist(),
        cells=cells,
        scores=[matrix.texts(label) for label in range(classes)],
        numbered=numbered,
        methods=methods,
        explained=sum(bool(one.maps) for one in shown.values()),
        seconds=context.seconds,
        shown=len(shown),
        images=len(true_N),
    )


def _members(
    true_N: np.ndarray, said_N: np.ndarray, confidence_N: np.ndarray
) -> dict[tuple[int, int], list[int]]:
    """Places of the images of each cell: mistakes the surest first, right answers the least sure first."""
    found: dict[tuple[int, int], list[int]] = defaultdict(list)
    for place in np.argsort(-confidence_N, kind="stable").tolist():
        found[int(true_N[place]), int(said_N[place])].append(place)
    return {cell: places[::-1] if cell[0] == cell[1] else places for cell, places in sorted(found.items())}


def _choose(members: Mapping[tuple[int, int], Sequence[int]]) -> list[int]:
    """Cells take turns, those of mistakes first."""
    cells = sorted(members, key=lambda cell: (cell[0] == cell[1], -len(members[cell])))
    turns = [members[cell][turn] for turn in range(EACH) for cell in cells if turn < len(members[cell])]
    return turns[:MOST]


def _shown(context: Context, order: Sequence[int], confidence_N: Tensor) -> dict[int, Shown]:
    if not order:
        return {}
    photos = context.pixels(context.images("test", torch.tensor(order)))
    files = context.split("test").files
    return {
        place: Shown(
            file=files[place],
            confidence=float(confidence_N[place]),
            photo=address(shrunk(photo, SIDE), photo=True),
        )
        for place, photo in zip(order, photos, strict=True)
    }


def _explain(
    context: Context, order: Sequence[int], said_N: np.ndarray, shown: Mapping[int, Shown]
) -> list[str]:
    """Add maps to the images in their order, cheap methods first, as long as there is time; the methods."""
    (black_CHW,) = context.predictor.black()
    fit = [one for one in context.explainers.values() if one.reason(context.net, black_CHW[None]) is None]
    fit.sort(key=lambda one: one.passes(tuple(black_CHW.shape[1:])))
    titles = []
    end = time.perf_counter() + context.seconds
    for number, explainer in enumerate(fit):
        left = (end - time.perf_counter()) / (len(fit) - number)
        if _explain_by(explainer, context, order, said_N, shown, black_CHW, left):
            titles.append(explainer.title)
    return titles


def _explain_by(
    explainer: Explainer,
    context: Context,
    order: Sequence[int],
    said_N: np.ndarray,
    shown: Mapping[int, Shown],
    black_CHW: Tensor,
    seconds: float,
) -> int:
    """Maps by one method in that time; how many."""
    start = time.perf_counter()
    each = (
        3 * context.predictor.seconds_per_image * explainer.passes(tuple(black_CHW.shape[1:]))
    )  # a guess, then measured
    done = 0
    while done < len(order):
        count = min(AT_ONCE, len(order) - done, int((seconds - (time.perf_counter() - start)) / each))
        if count < 1:
            break
        places = list(order[done : done + count])
        images = context.images("test", torch.tensor(places))
        found = explainer.explain(context.net, images, torch.from_numpy(said_N[places]), black_CHW)
        for place, map_HW, note in zip(places, found.shown(), found.notes, strict=True):
            coloured = map_picture(map_HW, signed=explainer.signed)
            told = f"{found.title} {note}" if note.startswith("✗") else found.title
            shown[place].maps[told] = address(shrunk(coloured, SIDE), photo=True)
        done += count
        each = (time.perf_counter() - start) / done
    return done
