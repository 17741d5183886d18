"""The page's section of what an autoencoder makes of images, and of its latent space.

Axes: N test images, H × W pixels, C channels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from pellucid.draw.reconstructions import ERRORS, MOST_ERROR
from pellucid.draw.sheet import colourise, number, rgb
from pellucid.inside.reference import choose_reference_images
from pellucid.report.context import Context
from pellucid.report.picture import address, shrunk

PROBES, EACH, SIDE = 8, 4, 112


@dataclass(frozen=True)
class Redrawn:
    """One image: addresses of itself, its reconstruction and the absolute error."""

    original: str
    redrawn: str
    error: str
    file: str
    name: str
    mse: str


@dataclass(frozen=True)
class Reconstructions:
    """Images by group, and the last picture of walks through the latent space, if one was drawn."""

    groups: Mapping[str, Sequence[Redrawn]]
    images: int
    traversal: str | None
    most_error: float


def reconstructions(context: Context) -> Reconstructions:
    """Test images that were chosen without looking, then best, median and worst ones."""
    assert context.evaluation is not None
    errors_N = context.evaluation.predictions.values["mse"].numpy()
    order = np.argsort(errors_N, kind="stable")
    each = max(1, min(EACH, len(order) // 3))
    middle = (len(order) - each) // 2
    chosen = {
        "some": choose_reference_images(
            context.split("test").labels_N[: len(order)], PROBES, context.seed
        ).numpy(),
        "the best": order[:each],
        "in the middle": order[middle : middle + each],
        "the worst": order[::-1][:each],
    }
    return Reconstructions(
        groups={name: _redrawn(context, places, errors_N) for name, places in chosen.items()},
        images=len(errors_N),
        traversal=_last_traversal(context),
        most_error=MOST_ERROR,
    )


def _redrawn(context: Context, places: np.ndarray, errors_N: np.ndarray) -> list[Redrawn]:
    index_N = torch.from_numpy(places.copy())
    images_NCHW = context.images("test", index_N)
    spec = context.loaded.spec
    originals, redrawn = (
        images.float().permute(0, 2, 3, 1).cpu().numpy()
        for images in (spec.denormalise(images_NCHW), context.predictor.run(images_NCHW))
    )
    rows = context.split("test").subset(index_N)
    found = []
    for one, other, file, label, place in zip(
        originals, redrawn, rows.files, rows.labels_N.tolist(), places, strict=True
    ):
        error_HW = np.abs(one - other).mean(axis=-1)
        pictures = (rgb(one), rgb(other), colourise(error_HW, 0, MOST_ERROR, ERRORS))
        original, again, error = (address(shrunk(picture, SIDE), photo=True) for picture in pictures)
        name, mse = context.classes[label], number(errors_N[place])
        found.append(Redrawn(original, again, error, file, name, mse))
    return found


def _last_traversal(context: Context) -> str | None:
    run = context.loaded.run
    files = sorted((run.folder / "figures" / "latent" / "traversal").glob("epoch_*.png")) if run else []
    if not files:
        return None
    with Image.open(files[-1]) as picture:
        return address(np.asarray(picture.convert("RGB")), photo=True)
