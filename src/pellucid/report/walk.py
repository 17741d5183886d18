"""The page's section that walks through the net, layer by layer.

Axes: N images, M maps, U units, h × w pixels of a map, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn
from torch.nn import functional

from pellucid.draw.maps import dead_maps, limits, own_scale, shared_scale
from pellucid.draw.sheet import DIVERGING, SEQUENTIAL, colourise, mosaic, number, square_columns
from pellucid.errors import counted
from pellucid.inside.capture import captured
from pellucid.inside.preserve_state import preserve_state
from pellucid.inside.reference import choose_reference_images
from pellucid.report.context import Context
from pellucid.report.picture import address, shrunk

IMAGES, LAYERS, MAPS, UNITS = 3, 10, 16, 1024  # at most
SIDE, MAP_SIDE = 160, 64  # pixels of a photo, and of a map
GRID = 300  # pixels of a grid of maps
TOP = 5  # classes


@dataclass(frozen=True)
class Stop:
    """One layer: what it gives of each image, on a scale of each map's own and on one for all.

    ``own`` is empty for a layer of units without maps. ``note`` tells of the maps that are shown.
    """

    layer: str
    kind: str
    note: str
    own: Sequence[str]
    shared: Sequence[str]
    limits: tuple[str, str]
    diverging: bool


@dataclass(frozen=True)
class Walk:
    """The images (photo, file, class), the layers, and for each image the likeliest classes at the end."""

    images: Sequence[tuple[str, str, str]]
    stops: Sequence[Stop]
    ends: Sequence[Sequence[tuple[str, float]]]
    layers: int


def walk(context: Context) -> Walk | None:
    """Some test images through the convolutions and linear layers; None for a net without any."""
    split = context.split("test")
    index_N = choose_reference_images(split.labels_N, IMAGES, context.seed)
    images_NCHW = context.images("test", index_N)
    kinds = {
        name: type(m).__name__
        for name, m in context.net.named_modules()
        if isinstance(m, nn.Conv2d | nn.Linear)
    }
    with preserve_state(context.net) as net, captured(net, list(kinds)) as outputs:
        given = context.predictor.run(images_NCHW)
    seen = {
        name: outputs[name].float().cpu()
        for name in kinds
        if name in outputs and _has_units(kinds[name], outputs[name], len(index_N))
    }
    if not seen:
        return None
    names = list(seen)
    places = sorted({round(place) for place in np.linspace(0, len(names) - 1, min(LAYERS, len(names)))})
    photos = context.pixels(images_NCHW)
    rows = split.subset(index_N)
    return Walk(
        images=[
            (address(shrunk(photo, SIDE), photo=True), file, context.classes[label])
            for photo, file, label in zip(photos, rows.files, rows.labels_N.tolist(), strict=True)
        ],
        stops=[_stop(names[place], kinds[names[place]], seen[names[place]]) for place in places],
        ends=_ends(given.cpu(), context.classes)
        if context.evaluation and context.evaluation.predictions.has_classes
        else [],
        layers=len(names),
    )


def _has_units(kind: str, output: Tensor, images: int) -> bool:
    return len(output) == images and output.ndim in ((2, 4) if kind.startswith("Conv") else (2,))


def _ends(logits_NK: Tensor, classes: Sequence[str]) -> list[list[tuple[str, float]]]:
    shares_NT, labels_NT = logits_NK.softmax(dim=1).topk(min(TOP, logits_NK.shape[1]))
    return [
        [(classes[label], share) for label, share in zip(labels, shares, strict=True)]
        for labels, shares in zip(labels_NT.tolist(), shares_NT.tolist(), strict=True)
    ]


def _stop(layer: str, kind: str, output: Tensor) -> Stop:
    return _of_maps(layer, kind, output) if output.ndim == 4 else _of_units(layer, kind, output.numpy())


def _of_maps(layer: str, kind: str, maps_NMhw: Tensor) -> Stop:
    total, height, width = maps_NMhw.shape[1:]
    dead = int(dead_maps(maps_NMhw.numpy()).sum())
    shown = maps_NMhw[:, :MAPS]
    dead_M = dead_maps(shown.numpy())
    if max(height, width) > MAP_SIDE:
        times = MAP_SIDE / max(height, width)
        shown = functional.adaptive_avg_pool2d(
            shown, (max(1, round(height * times)), max(1, round(width * times)))
        )
    maps = shown.numpy()
    low, high = limits(maps)
    note = f"{counted(total, 'map')} of {height} × {width}"
    if total > MAPS:
        note += f", the first {MAPS} shown"
    if dead:
        note += f"; {dead} the same everywhere in all of these images"
    return Stop(
        layer=layer,
        kind=kind,
        note=note,
        own=[address(shrunk(own_scale(one, dead_M), GRID), photo=True) for one in maps],
        shared=[address(shrunk(shared_scale(one, low, high), GRID), photo=True) for one in maps],
        limits=(number(low), number(high)),
        diverging=low < 0,
    )


def _of_units(layer: str, kind: str, units_NU: np.ndarray) -> Stop:
    total = units_NU.shape[1]
    shown = units_NU[:, :UNITS]
    low, high = limits(shown)
    colours = DIVERGING if low < 0 else SEQUENTIAL
    columns = square_columns(shown.shape[1])
    tiles_NU = colourise(shown[..., None, None], low, high, colours).repeat(6, axis=2).repeat(6, axis=3)
    grids = [mosaic(list(tiles_U), columns) for tiles_U in tiles_NU]
    return Stop(
        layer=layer,
        kind=kind,
        note=f"{counted(total, 'unit')}{f', the first {UNITS} shown' if total > UNITS else ''}, row by row",
        own=[],
        shared=[address(shrunk(grid, GRID), photo=False) for grid in grids],
        limits=(number(low), number(high)),
        diverging=low < 0,
    )
