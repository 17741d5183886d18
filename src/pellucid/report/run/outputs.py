"""The page's section of several labels or numbers: how well each is told, and the images with most loss.

Axes: N test images, K labels or numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from pellucid.metrics.predictions import Predictions
from pellucid.report.run.context import Context
from pellucid.report.run.explained import explained_images
from pellucid.system.number_text import number
from pellucid.view.labels import label_calibration, labels
from pellucid.view.numbers import numbers
from pellucid.view.predictions import name_classes

SIDE, MARGIN = 440, 16  # of a plot, in pixels
MAX_PANELS, MAX_POINTS, MAX_IMAGES = 6, 1500, 12


@dataclass(frozen=True)
class Label:
    """A label with its average precision and F1, in [0, 1], for bars, and all of its figures in words."""

    name: str
    precision: float
    f1: float | None
    texts: Sequence[str]


@dataclass(frozen=True)
class Panel:
    """A number, predicted (up) against true (right): points (x, y, what it is) and ticks (place, text)."""

    name: str
    texts: Sequence[str]
    points: Sequence[tuple[float, float, str]]
    x_ticks: Sequence[tuple[float, str]]
    y_ticks: Sequence[tuple[float, str]]


@dataclass(frozen=True)
class Worst:
    """An image with a large loss: what is predicted and known of it, maps of the output ``explained``."""

    photo: str
    file: str
    predicted: str
    true: str
    right: bool | None
    explained: str
    maps: dict[str, str]


@dataclass(frozen=True)
class Outputs:
    """Either ``labels`` or ``panels``; the worst of so many ``images``; ``ece`` of labels."""

    labels: Sequence[Label]
    heads: Sequence[str]
    panels: Sequence[Panel]
    worst: Sequence[Worst]
    methods: Sequence[str]
    images: int
    ece: float | None


def outputs(context: Context) -> Outputs:
    """Of a net of several labels or numbers."""
    assert context.evaluation is not None
    predictions, names = context.evaluation.predictions, context.classes
    worst, methods = _worst(context, predictions)
    if predictions.has_labels:
        scores = labels(predictions, names)
        rows = [
            Label(
                name=name,
                precision=float(np.nan_to_num(scores.average_precision_K[index])),
                f1=None if np.isnan(scores.f1_K[index]) else float(scores.f1_K[index]),
                texts=scores.texts(index),
            )
            for index, name in enumerate(names)
        ]
        ece = label_calibration(predictions).ece
        return Outputs(rows, scores.heads, [], worst, methods, len(predictions), ece)
    panels = _panels(context, predictions)
    return Outputs(
        [], numbers(predictions, names).scores.heads, panels, worst, methods, len(predictions), None
    )


def _worst(context: Context, predictions: Predictions) -> tuple[list[Worst], list[str]]:
    worst, names = predictions.worst(MAX_IMAGES), context.classes
    rows_N = torch.argsort(predictions.values["loss"], descending=True, stable=True)[:MAX_IMAGES]
    target_N = torch.zeros(len(predictions), dtype=torch.long)
    if predictions.has_labels:
        target_N = predictions.values["scores"].argmax(dim=1)
    shown, methods = explained_images(context, rows_N.tolist(), target_N)
    said, files = name_classes(worst, names), context.split("test").files
    found = []
    for place, row in enumerate(rows_N.tolist()):
        image, explained = shown[row], names[int(target_N[row])]
        words = (said.predicted[place], said.true[place], said.right[place])
        found.append(Worst(image.photo, files[row], *words, explained, image.maps))
    return found, methods


def _panels(context: Context, predictions: Predictions) -> list[Panel]:
    found = numbers(predictions, context.classes)
    files = context.split("test").files
    chosen = np.linspace(0, len(files) - 1, min(len(files), MAX_POINTS)).astype(int).tolist()
    return [
        _panel(
            name,
            found.scores.texts(index),
            found.true_NK[chosen, index],
            found.predicted_NK[chosen, index],
            [files[row] for row in chosen],
        )
        for index, name in enumerate(context.classes[:MAX_PANELS])
    ]


def _panel(
    name: str, texts: Sequence[str], true_N: np.ndarray, predicted_N: np.ndarray, files: Sequence[str]
) -> Panel:
    from matplotlib.ticker import MaxNLocator

    low = float(min(true_N.min(), predicted_N.min()))
    high = float(max(true_N.max(), predicted_N.max()))
    span = high - low or 1.0
    ticks = [
        float(tick)
        for tick in MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
        if low <= tick <= high
    ]

    def place(value: float) -> float:
        return round(MARGIN + (SIDE - 2 * MARGIN) * (value - low) / span, 1)

    shown = partial(number, digits=4)
    words = [(place(tick), number(tick, digits=6)) for tick in ticks]
    return Panel(
        name=name,
        texts=texts,
        points=[
            (
                place(true),
                SIDE - place(predicted),
                f"{file}: true {shown(true)}, predicted {shown(predicted)}",
            )
            for true, predicted, file in zip(true_N.tolist(), predicted_N.tolist(), files, strict=True)
        ],
        x_ticks=words,
        y_ticks=[(round(SIDE - x, 1), text) for x, text in words],
    )
