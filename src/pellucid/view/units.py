"""The units of a layer: the images that activate each most, the patches they see, images made to excite them.

Axes: U units, K images of each, A units that are drawn, B images, S pairs of a unit and an image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.inside.activation_maximization import ActivationMaxima, maximize_activations, middle
from pellucid.inside.predictor import Predictor
from pellucid.inside.preserve_state import preserve_state
from pellucid.inside.receptive_field import receptive_fields
from pellucid.inside.top_activations import TopActivations, Watch
from pellucid.inside.trace import Trace
from pellucid.inside.units import UnitLayer
from pellucid.inside.weights import UnitFilters, find_filters

LOOKING, FINDING, MAKING = "Looking", "Finding what each unit sees", "Making images that excite"


@dataclass(frozen=True)
class UnitStudy:
    """Top activations of a layer's units and, of ``units``, activation maximization.

    ``boxes_UK4``: the patch of each top image that the unit sees (top, left, bottom, right; -1 where there is
    none), ``maxima_boxes_A4``: of those made.
    """

    layer: UnitLayer
    filters: UnitFilters | None
    activations: TopActivations
    boxes_UK4: Tensor
    maxima_boxes_A4: Tensor
    units: list[int]
    maxima: ActivationMaxima

    def images(self, unit: int) -> list[int]:
        """Indices of the images that activate a unit most, the most first."""
        return [index for index in self.activations.image_UK[unit].tolist() if index >= 0]

    @property
    def largest_patch(self) -> tuple[int, int]:
        """Height and width, in pixels, that hold every patch."""
        return largest(torch.cat([self.boxes_UK4.flatten(0, 1), self.maxima_boxes_A4]))


def study_units(
    predictor: Predictor,
    trace: Trace,
    layer: UnitLayer,
    units: list[int],
    batches: Iterable[Tensor],
    *,
    steps: int,
    seed: int,
    advance: Callable[[str, int], None],
) -> UnitStudy:
    """Study of a layer's units on ``batches`` of uint8 pixels (B, C, H, W).

    ``trace``: of the net. ``steps``, ``seed``: of the images that are made to excite ``units``.
    ``advance`` hears of each of the three phases how many images it has done since it was called last.
    """
    watch = Watch(layer.units)
    with preserve_state(predictor.net) as net:
        with torch.no_grad():
            for pixels_BCHW in batches:
                watch.see(layer.outputs(net, predictor.inputs(pixels_BCHW)))
                advance(LOOKING, len(pixels_BCHW))
        activations = watch.result()
        advance(FINDING, 0)
        positions = _positions(layer, activations, units)
        boxes_UK4, maxima_boxes_A4 = _boxes(predictor, layer, activations, units, positions)
        maxima = maximize_activations(
            net,
            layer,
            units,
            positions,
            predictor.spec,
            patch=min(largest(maxima_boxes_A4)),
            steps=steps,
            seed=seed,
            advance=lambda number: advance(MAKING, number),
        )
    filters = find_filters(trace, layer.filtered_by, predictor.spec.image_shape)
    return UnitStudy(layer, filters, activations, boxes_UK4, maxima_boxes_A4, units, maxima)


def _positions(layer: UnitLayer, activations: TopActivations, units: list[int]) -> list[int]:
    """Positions in the map at which images are made to excite: the middle, as those of a map are alike.

    Those of a layer after patches have been joined are not: there it is where real images do.
    """
    if len(layer.map_shape) != 1:
        return [middle(layer)] * len(units)
    return [max(int(activations.position_UK[unit, 0]), 0) for unit in units]


def _boxes(
    predictor: Predictor,
    layer: UnitLayer,
    activations: TopActivations,
    units: list[int],
    positions: list[int],
) -> tuple[Tensor, Tensor]:
    """Receptive fields in the top images of each unit (U, K, 4), and in the images made (A, 4)."""
    shape = predictor.spec.image_shape
    boxes_UK4 = torch.full((*activations.position_UK.shape, 4), -1)
    if not layer.map_shape:  # a vector's units see the whole image
        whole_4 = torch.tensor([0, 0, *shape[1:]])
        boxes_UK4[activations.image_UK >= 0] = whole_4
        return boxes_UK4, whole_4.repeat(len(units), 1)
    unit_S, rank_S = torch.nonzero(activations.image_UK >= 0, as_tuple=True)
    unit_T = torch.cat([unit_S, torch.tensor(units)])
    position_T = torch.cat([activations.position_UK[unit_S, rank_S], torch.tensor(positions)])
    boxes_S4 = receptive_fields(predictor.net, layer, unit_T, position_T, shape)
    boxes_UK4[unit_S, rank_S] = boxes_S4[: len(unit_S)]
    return boxes_UK4, boxes_S4[len(unit_S) :]


def largest(boxes_S4: Tensor) -> tuple[int, int]:
    """Height and width of the largest of these boxes, in pixels."""
    sizes_S2 = boxes_S4[:, 2:] - boxes_S4[:, :2]
    return int(sizes_S2[:, 0].max()), int(sizes_S2[:, 1].max())
