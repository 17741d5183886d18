"""The page's section of what an autoencoder makes of images, and of its latent space.

Axes: N test images, H × W pixels, C channels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from pellucid.draw.reconstructions import ERRORS, MAX_ERROR
from pellucid.draw.sheet import colourise, rgb
from pellucid.inside.reference import choose_reference_images
from pellucid.report.picture import address, shrunk
from pellucid.report.run.context import Context
from pellucid.system.number_text import number
from pellucid.view.reconstructions import choose_extremes, reconstruct

REFERENCE_IMAGES, EACH, SIDE = 8, 4, 112


@dataclass(frozen=True)
class Reconstruction:
    """One image: addresses of itself, its reconstruction and the absolute error."""

    original: str
    output: str
    error: str
    file: str
    name: str
    mse: str


@dataclass(frozen=True)
class ReconstructionSection:
    """Images by group, and the last picture of walks through the latent space, if one was drawn."""

    groups: Mapping[str, Sequence[Reconstruction]]
    images: int
    traversal: str | None
    most_error: float


def reconstructions(context: Context) -> ReconstructionSection:
    """Test images that were chosen without looking, then best, median and worst ones."""
    assert context.evaluation is not None
    errors_N = context.evaluation.predictions.values["mse"].numpy()
    labels_N = context.split("test").labels_N[: len(errors_N)]
    extremes = choose_extremes(errors_N, EACH)
    groups = {
        "some": choose_reference_images(labels_N, REFERENCE_IMAGES, context.seed).numpy(),
        "the best": extremes.best,
        "in the middle": extremes.median,
        "the worst": extremes.worst,
    }
    return ReconstructionSection(
        groups={name: _group(context, index_N, errors_N) for name, index_N in groups.items()},
        images=len(errors_N),
        traversal=_last_traversal(context),
        most_error=MAX_ERROR,
    )


def _group(context: Context, index_N: np.ndarray, errors_N: np.ndarray) -> list[Reconstruction]:
    images = context.split("test").pick(torch.from_numpy(index_N.copy()), context.classes)
    reconstructed = reconstruct(context.predictor, context.predictor.inputs(images.pixels_BCHW))
    rows = zip(
        reconstructed.originals_BHWC, reconstructed.outputs_BHWC, reconstructed.absolute_errors, strict=True
    )
    group, bands = [], context.predictor.spec.bands
    for position, (original_HWC, output_HWC, error_HW) in enumerate(rows):
        pictures = (
            rgb(original_HWC, bands),
            rgb(output_HWC, bands),
            colourise(error_HW, 0, MAX_ERROR, ERRORS),
        )
        original, output, error = (address(shrunk(picture, SIDE), photo=True) for picture in pictures)
        mse = number(errors_N[index_N[position]])
        file, name = images.files[position], images.names[position]
        group.append(Reconstruction(original, output, error, file, name, mse))
    return group


def _last_traversal(context: Context) -> str | None:
    run = context.loaded.run
    files = sorted((run.folder / "figures" / "latent" / "traversal").glob("epoch_*.png")) if run else []
    if not files:
        return None
    with Image.open(files[-1]) as picture:
        return address(np.asarray(picture.convert("RGB")), photo=True)
