"""The page's section of where the images lie: a scatter of what the last linear layer sees.

Axes: N images, D embedding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pellucid.draw.sheet import colour_of, marker_of
from pellucid.errors import UserError, counted
from pellucid.inside.embedding import EMBED, embedding
from pellucid.inside.preserve_state import preserve_state
from pellucid.inside.reference import choose_points
from pellucid.metrics.projection import pca
from pellucid.report.context import Context, of_kept
from pellucid.report.picture import address, sheet_of, shrunk
from pellucid.system.files import read_arrays

WIDTH, HEIGHT, MARGIN = 640, 480, 14  # of the plot, in pixels
POINTS = 600
THUMBNAIL, COLUMNS = 40, 25  # pixels, and how many side by side
SECONDS = 1.0  # that the net may look at images for this
TITLES = {"tsne": "t-SNE", "pca": "PCA"}
AT_ONCE = 64


@dataclass(frozen=True)
class Point:
    """Where an image stands in the plot, the colour and marker of its class."""

    x: float
    y: float
    place: int
    colour: str
    marker: str


@dataclass(frozen=True)
class Places:
    """Scatters by method, of the same images; ``thumbnails`` is one picture of them, ``columns`` wide.

    ``layer``: embed, or the name of the layer that they are by.
    """

    scatters: Mapping[str, Sequence[Point]]
    layer: str
    note: str
    files: Sequence[str]
    labels: Sequence[int]
    thumbnails: str
    columns: int
    rows: int
    legend: Sequence[tuple[str, str, str]]


def places(context: Context) -> Places | None:
    """The last scatters of the training's views, or PCA of test images; None where the net has neither."""
    kept = of_kept(_kept, context)
    found = kept or _seen(context)
    if found is None:
        return None
    view = (context.loaded.config["callbacks"] or {}).get("embeddings") or {}
    layouts, split, index_N, note = found
    rows = context.split(split).subset(index_N)
    photos = context.pixels(context.images(split, index_N))
    thumbnails = sheet_of([shrunk(photo, THUMBNAIL) for photo in photos], COLUMNS)
    labels = rows.labels_N.tolist()
    present = sorted(set(labels))
    return Places(
        scatters={TITLES[method]: _points(layout, labels) for method, layout in layouts.items()},
        layer=view.get("layer", EMBED) if kept else EMBED,
        note=note,
        files=list(rows.files),
        labels=labels,
        thumbnails=address(thumbnails, photo=True),
        columns=COLUMNS,
        rows=-(-len(labels) // COLUMNS),
        legend=[(context.classes[label], colour_of(label), marker_of(label)) for label in present],
    )


Found = tuple[dict[str, np.ndarray], str, torch.Tensor, str]  # layouts, split, places in it, a note


def _kept(context: Context) -> Found | None:
    """What the view of embeddings has drawn last."""
    run = context.loaded.run if context.as_trained else None
    files = sorted((run.folder / "figures" / "embeddings").glob("epoch_*.npz")) if run else []
    if not files:
        return None
    arrays = read_arrays(files[-1])
    methods = [method for method in TITLES if method in arrays]
    if not methods:
        return None
    index_N = arrays[f"{methods[0]}_index"]
    for method in methods[1:]:  # images that all of them show
        index_N = np.intersect1d(index_N, arrays[f"{method}_index"])
    index_N = index_N[choose_points(len(index_N), POINTS, context.seed).numpy()]
    layouts = {m: arrays[m][np.searchsorted(arrays[f"{m}_index"], index_N)] for m in methods}
    context.split("val").subset(torch.from_numpy(index_N))  # which they are of
    if any(layout.shape != (len(index_N), 2) or not np.isfinite(layout).all() for layout in layouts.values()):
        raise ValueError("not two finite numbers a point")
    epoch = int(files[-1].stem.removeprefix("epoch_"))
    return (
        layouts,
        "val",
        torch.from_numpy(index_N),
        f"{counted(len(index_N), 'validation image')} after epoch {epoch}",
    )


def _seen(context: Context) -> Found | None:
    split = context.split("test")
    most = max(3, min(POINTS, int(SECONDS / context.predictor.seconds_per_image)))
    index_N = choose_points(len(split), most, context.seed)
    if len(index_N) < 3:
        return None
    vectors = []
    try:
        with preserve_state(context.net) as net, torch.no_grad(), context.predictor.precision():
            for index_B in torch.split(index_N, AT_ONCE):
                vectors.append(
                    embedding(net, EMBED, context.images("test", index_B).to(context.predictor.dtype))
                    .float()
                    .cpu()
                )
    except UserError:  # a net without a linear layer
        return None
    layouts = {"pca": pca(torch.cat(vectors).numpy(), 2)}
    return layouts, "test", index_N, f"{len(index_N):,} of {counted(len(split), 'test image')}"


def _points(layout_N2: np.ndarray, labels: Sequence[int]) -> list[Point]:
    low, high = layout_N2.min(axis=0), layout_N2.max(axis=0)
    span = np.maximum(high - low, 1e-12)
    size = np.array([WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN])
    times = (size / span).min()  # one scale for both axes, as distances are looked at
    middle = np.array([WIDTH, HEIGHT]) / 2
    drawn = middle + (layout_N2 - (low + high) / 2) * times * np.array([1, -1])
    return [
        Point(round(float(x), 1), round(float(y), 1), place, colour_of(label), marker_of(label))
        for place, ((x, y), label) in enumerate(zip(drawn, labels, strict=True))
    ]
