"""Test images of the page with maps of what spoke for an output of each, as many as there is time for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pellucid.draw.explanations import map_picture
from pellucid.report.picture import address, shrunk
from pellucid.report.run.context import Context
from pellucid.view.explanations import explanations_in_time

SIDE = 112  # pixels


@dataclass
class Explained:
    """Addresses of an image and, by method, of the maps of it."""

    photo: str
    maps: dict[str, str] = field(default_factory=dict)


def explained_images(
    context: Context, order: Sequence[int], target_N: Tensor
) -> tuple[dict[int, Explained], list[str]]:
    """Those of the test images, by position, and the titles of the methods whose maps they have.

    ``target_N``: which output is explained, of each of all test images.
    """
    if not order:
        return {}, []
    order_N = torch.tensor(order, dtype=torch.long)
    photos = context.predictor.shown(context.images("test", order_N))
    shown = {
        index: Explained(address(shrunk(photo, SIDE), photo=True))
        for index, photo in zip(order, photos, strict=True)
    }

    def inputs(positions: Sequence[int]) -> Tensor:
        return context.images("test", order_N[list(positions)])

    titles = []
    for explainer, positions, explanation in explanations_in_time(
        context.predictor, context.explainers, inputs, target_N[order_N], seconds=context.seconds
    ):
        if positions[0] == 0:
            titles.append(explainer.title)
        for index, map_HW, note in zip(
            order_N[positions].tolist(), explanation.shown(), explanation.notes, strict=True
        ):
            coloured = map_picture(map_HW, signed=explainer.signed)
            title = f"{explanation.title} {note}" if note.startswith("✗") else explanation.title
            shown[index].maps[title] = address(shrunk(coloured, SIDE), photo=True)
    return shown, titles
