"""The page's section of the embedding: a scatter of what the last linear layer sees.

Axes: N images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.colors import to_hex
from torch import Tensor

from pellucid.draw.scatter import UNKNOWN
from pellucid.draw.sheet import SEQUENTIAL, colour_of, colourise, marker_of
from pellucid.errors import UserError, counted
from pellucid.inside.embedding import EMBED
from pellucid.inside.images import Images
from pellucid.inside.reference import choose_points
from pellucid.metrics.layout import METHODS
from pellucid.report.picture import address, sheet_of, shrunk
from pellucid.report.run.context import Context, of_kept
from pellucid.system.files import read_arrays
from pellucid.system.number_text import number
from pellucid.view.embedding import Colours, colours_of, embed_images

WIDTH, HEIGHT, MARGIN = 640, 480, 14  # of the plot, in pixels
POINTS, MIN_POINTS = 600, 3
THUMBNAIL, COLUMNS = 40, 25  # pixels, and how many side by side
SECONDS = 1.0  # that the net may look at images for this
BATCH_SIZE = 64
Mark = tuple[str, str]  # colour and marker


@dataclass(frozen=True)
class Point:
    """Where an image stands in the plot, the colour and marker of its class."""

    x: float
    y: float
    index: int
    colour: str
    marker: str


@dataclass(frozen=True)
class Scatters:
    """Scatters by method, of the same images; ``thumbnails`` is one picture of them, ``columns`` wide.

    ``layer``: embed, or the name of the layer that they are by. ``colour`` says what they are coloured by,
    where that is not the class.
    """

    scatters: Mapping[str, Sequence[Point]]
    layer: str
    note: str
    colour: str
    files: Sequence[str]
    names: Sequence[str]
    thumbnails: str
    columns: int
    rows: int
    legend: Sequence[tuple[str, Mark]]


@dataclass(frozen=True)
class Layouts:
    """Positions (N, 2) by method of those images of a split."""

    points: Mapping[str, np.ndarray]
    split: str
    index_N: Tensor
    layer: str
    note: str


def embedding(context: Context) -> Scatters | None:
    """The last scatters of the training's views, or PCA of test images; None where the net has neither."""
    layouts = of_kept(_kept, context) or _computed(context)
    if layouts is None:
        return None
    images = context.split(layouts.split).pick(layouts.index_N, context.classes)
    thumbnails = sheet_of([shrunk(p, THUMBNAIL) for p in context.predictor.pixels(images)], COLUMNS)
    colours = _colours(context, images)
    marks, legend = _marks(colours, context.classes)
    return Scatters(
        scatters={METHODS[method]: _points(points, marks) for method, points in layouts.points.items()},
        layer=layouts.layer,
        note=layouts.note,
        colour=colours.note,
        files=list(images.files),
        names=list(images.names),
        thumbnails=address(thumbnails, photo=True),
        columns=COLUMNS,
        rows=-(-len(images) // COLUMNS),
        legend=legend,
    )


def _colours(context: Context, images: Images) -> Colours:
    targets_BK, scores = images.targets_BK, {}
    if context.predictor.has_labels:
        parts = torch.split(images.pixels_BCHW, BATCH_SIZE)
        predicted = [
            context.predictor.predictions(context.predictor.inputs(part))["scores"] for part in parts
        ]
        scores = {"scores": torch.cat(predicted).numpy()}
    targets_NK = None if targets_BK is None else targets_BK.numpy()
    return colours_of(images.labels_B.numpy(), targets_NK, scores, context.classes)


def _marks(colours: Colours, names: Sequence[str]) -> tuple[list[Mark], list[tuple[str, Mark]]]:
    """Colour and marker of each point, and those of the legend by name."""
    if colours.values_N is not None:
        low, high = float(colours.values_N.min()), float(colours.values_N.max())

        def mark(values_N: np.ndarray) -> list[Mark]:
            coloured = colourise(values_N[None], low, high, SEQUENTIAL)[0]
            return [(to_hex(colour), "o") for colour in coloured]

        steps = np.linspace(low, high, 5)
        return mark(colours.values_N), list(zip(map(number, steps.tolist()), mark(steps), strict=True))
    labels = colours.labels_N.tolist()
    found = sorted({label for label in labels if label >= 0})
    marks = [(colour_of(label), marker_of(label)) if label >= 0 else (UNKNOWN, "o") for label in labels]
    return marks, [(names[label], (colour_of(label), marker_of(label))) for label in found]


def _kept(context: Context) -> Layouts | None:
    """What the view of embeddings has drawn last."""
    run = context.loaded.run if context.as_trained else None
    files = sorted((run.folder / "figures" / "embeddings").glob("epoch_*.npz")) if run else []
    if not files:
        return None
    arrays = read_arrays(files[-1])
    methods: list[str] = [method for method in ("tsne", "pca") if method in arrays]
    if not methods:
        return None
    index_N = arrays[f"{methods[0]}_index"]
    for method in methods[1:]:  # images that all of them show
        index_N = np.intersect1d(index_N, arrays[f"{method}_index"])
    index_N = index_N[choose_points(len(index_N), POINTS, context.seed).numpy()]
    points = {m: arrays[m][np.searchsorted(arrays[f"{m}_index"], index_N)] for m in methods}
    context.split("val").subset(torch.from_numpy(index_N))  # which they are of
    if any(layout.shape != (len(index_N), 2) or not np.isfinite(layout).all() for layout in points.values()):
        raise ValueError("not two finite numbers a point")
    epoch = int(files[-1].stem.removeprefix("epoch_"))
    note = f"{counted(len(index_N), 'validation image')} after epoch {epoch}"
    options = (context.loaded.config["callbacks"] or {}).get("embeddings") or {}
    return Layouts(points, "val", torch.from_numpy(index_N), options.get("layer", EMBED), note)


def _computed(context: Context) -> Layouts | None:
    split = context.split("test")
    affordable = max(MIN_POINTS, min(POINTS, int(SECONDS / context.predictor.seconds_per_image)))
    index_N = choose_points(len(split), affordable, context.seed)
    if len(index_N) < MIN_POINTS:
        return None
    batches = (split.pick(index_B, context.classes) for index_B in torch.split(index_N, BATCH_SIZE))
    try:
        layout = embed_images(context.predictor, batches, index_N=index_N.numpy()).layout(
            "pca", seed=context.seed, tsne_points=0
        )
    except UserError:  # a net without a linear layer
        return None
    note = f"{len(index_N):,} of {counted(len(split), 'test image')}"
    return Layouts({"pca": layout.points_S2}, "test", index_N, EMBED, note)


def _points(layout_N2: np.ndarray, marks: Sequence[Mark]) -> list[Point]:
    low, high = layout_N2.min(axis=0), layout_N2.max(axis=0)
    span = np.maximum(high - low, 1e-12)
    size = np.array([WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN])
    scale = (size / span).min()  # one scale for both axes, as distances are looked at
    middle = np.array([WIDTH, HEIGHT]) / 2
    points_N2 = middle + (layout_N2 - (low + high) / 2) * scale * np.array([1, -1])
    return [
        Point(round(float(x), 1), round(float(y), 1), index, *mark)
        for index, ((x, y), mark) in enumerate(zip(points_N2, marks, strict=True))
    ]
