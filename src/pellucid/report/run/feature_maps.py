"""The page's section of feature maps, layer by layer.

Axes: N images, M maps, U units, h × w pixels of a map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pellucid.draw.maps import own_scale, shared_scale
from pellucid.draw.sheet import DIVERGING, SEQUENTIAL, colourise, mosaic, square_columns
from pellucid.errors import counted
from pellucid.inside.reference import choose_reference_images
from pellucid.metrics.maps import dead_maps, limits
from pellucid.report.picture import address, shrunk
from pellucid.report.run.context import Context
from pellucid.system.number_text import number
from pellucid.view.feature_maps import LayerOutput, forward_pass

MAX_IMAGES, MAX_LAYERS, MAX_MAPS, MAX_UNITS, MAX_CLASSES = 3, 10, 16, 1024, 5
PHOTO_SIDE, MAP_SIDE, GRID_SIDE = 160, 64, 300  # pixels


@dataclass(frozen=True)
class Layer:
    """One layer: what it gives of each image, on a scale of each map's own and on one for all.

    ``own_scale`` is empty for a layer of units without maps. ``note`` tells of the maps that are shown.
    """

    layer: str
    kind: str
    note: str
    own_scale: Sequence[str]
    shared_scale: Sequence[str]
    limits: tuple[str, str]
    diverging: bool


@dataclass(frozen=True)
class FeatureMaps:
    """The images (photo, file, class), the layers, and for each image the likeliest classes at the end."""

    images: Sequence[tuple[str, str, str]]
    layers: Sequence[Layer]
    ends: Sequence[Sequence[tuple[str, float]]]
    total: int


def feature_maps(context: Context) -> FeatureMaps | None:
    """Some test images through the convolutions and linear layers; None for a net without any."""
    split = context.split("test")
    images = split.pick(choose_reference_images(split.labels_N, MAX_IMAGES, context.seed), context.classes)
    inputs_NCHW = context.predictor.inputs(images.pixels_BCHW)
    outputs = forward_pass(context.predictor, inputs_NCHW, max_layers=MAX_LAYERS, max_classes=MAX_CLASSES)
    if outputs is None:
        return None
    photos = [
        address(shrunk(photo, PHOTO_SIDE), photo=True) for photo in context.predictor.shown(inputs_NCHW)
    ]
    return FeatureMaps(
        images=list(zip(photos, images.files, images.names, strict=True)),
        layers=[
            _of_maps(output) if output.values.ndim == 4 else _of_units(output) for output in outputs.layers
        ],
        ends=outputs.likeliest,
        total=outputs.total,
    )


def _of_maps(output: LayerOutput) -> Layer:
    total, height, width = output.values.shape[1:]
    dead = int(dead_maps(output.values).sum())
    dead_M = dead_maps(output.values[:, :MAX_MAPS])
    maps = output.first(MAX_MAPS, MAP_SIDE)
    low, high = limits(maps)
    note = f"{counted(total, 'map')} of {height} × {width}"
    if total > MAX_MAPS:
        note += f", the first {MAX_MAPS} shown"
    if dead:
        note += f"; {dead} the same everywhere in all of these images"
    return Layer(
        layer=output.layer,
        kind=output.kind,
        note=note,
        own_scale=[address(shrunk(own_scale(maps_MHW, dead_M), GRID_SIDE), photo=True) for maps_MHW in maps],
        shared_scale=[
            address(shrunk(shared_scale(maps_MHW, low, high), GRID_SIDE), photo=True) for maps_MHW in maps
        ],
        limits=(number(low), number(high)),
        diverging=low < 0,
    )


def _of_units(output: LayerOutput) -> Layer:
    total = output.values.shape[1]
    units_NU = output.values[:, :MAX_UNITS]
    low, high = limits(units_NU)
    colours = DIVERGING if low < 0 else SEQUENTIAL
    columns = square_columns(units_NU.shape[1])
    tiles_NU = colourise(units_NU[..., None, None], low, high, colours).repeat(6, axis=2).repeat(6, axis=3)
    grids = [mosaic(list(tiles_U), columns) for tiles_U in tiles_NU]
    first = f", the first {MAX_UNITS} shown" if total > MAX_UNITS else ""
    return Layer(
        layer=output.layer,
        kind=output.kind,
        note=f"{counted(total, 'unit')}{first}, row by row",
        own_scale=[],
        shared_scale=[address(shrunk(grid, GRID_SIDE), photo=False) for grid in grids],
        limits=(number(low), number(high)),
        diverging=low < 0,
    )
