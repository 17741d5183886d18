"""One look at a net that was trained elsewhere, at images of a folder."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from pellucid.callbacks.look import look as look_into
from pellucid.config.build import build
from pellucid.config.command import PathText
from pellucid.data.pictures import Pictures, check_folders, find_pictures
from pellucid.discovery.pool import MAX_BYTES, MAX_IMAGES
from pellucid.draw.figures import Figures
from pellucid.errors import UserError, counted
from pellucid.inside.images import UNKNOWN
from pellucid.inside.reference import choose_reference_images
from pellucid.model.loading import load_weights
from pellucid.model.state_file import StateFile
from pellucid.spec import MAX_SIZE
from pellucid.system.console import console
from pellucid.system.process import check_device, has_gpu

log = logging.getLogger(__name__)
BATCH_SIZE = 32
DEVICES = {"cpu": "cpu", "gpu": "cuda", "mps": "mps"}


def look(
    *,
    model: Mapping[str, Any],
    images: PathText,
    weights: PathText | None = None,
    classes: Sequence[str] | None = None,
    image_size: int = 224,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    only: Sequence[str] | None = None,
    accelerator: str = "auto",
    packages: Sequence[str] = (),
    figures: Literal["png", "pdf", "svg"] | Sequence[Literal["png", "pdf", "svg"]] = "png",
    out: PathText = "outputs/look",
) -> Figures:
    """Draw what can be seen in a net without its history, as PNG files.

    ``model``: how the net is built. ``weights``: the file of its state dict. ``images``: a file, a folder or
    a pattern; the names of their folders are taken for classes. Raises UserError.
    """
    if not 1 <= image_size <= MAX_SIZE:
        raise UserError(f"image_size={image_size}: expected 1 to {MAX_SIZE} pixels.")
    check_device(accelerator, "accelerator")
    files = find_pictures(images)
    folders = [file.parent.name for file in files]
    names = list(classes or sorted(set(folders)))
    label_of = {name: label for label, name in enumerate(names)} if classes or len(names) > 1 else {}
    if classes and not set(folders) & set(names):
        log.warning(
            "classes=%s: the images lie in folders of other names (%s), so their classes are not known.",
            f"[{','.join(names)}]",
            ", ".join(sorted(set(folders))[:5]),
        )
    labels_N = torch.tensor([label_of.get(folder, UNKNOWN) for folder in folders])
    most = min(MAX_IMAGES, max(1, MAX_BYTES // (3 * 4 * image_size**2)))
    index_N = choose_reference_images(labels_N, most, seed=0).sort().values
    if len(index_N) < len(files):
        log.info("Looked at are %s of %d.", counted(len(index_N), "image"), len(files))
    shape = (3, image_size, image_size)
    if "weights" in model:  # torchvision's nets, which know other names of theirs too
        model, weights = {**model, "weights": weights or model["weights"]}, None
    net: nn.Module = build(
        model, "model", packages=packages, image_shape=shape, num_classes=max(1, len(names))
    )
    if weights is not None:
        load_weights(net, StateFile.read(weights), whole=True)
    device = DEVICES.get(accelerator, "cuda" if has_gpu() else "cpu")
    chosen = [files[index] for index in index_N.tolist()]
    pictures = Pictures(chosen, shape)
    batches = list(
        console.track(pictures.batches(BATCH_SIZE), "Reading images", -(-len(chosen) // BATCH_SIZE))
    )
    pictures.tell()
    if not batches:
        raise UserError(f"images={images}: {counted(len(files), 'file')}, no image that can be read.")
    label_of_file = dict(zip(files, labels_N.tolist(), strict=True))
    found = look_into(
        net.to(device).eval(),
        torch.cat([pixels_BCHW for _, pixels_BCHW in batches]),
        torch.tensor([label_of_file[file] for read, _ in batches for file in read]),
        classes=names if label_of else None,
        mean=mean,
        std=std,
        only=only,
        folder=Path(out).expanduser(),
        figures=figures,
    )
    log.info("Written: %s in %s", counted(len(found), "picture"), out)
    check_folders(pictures.unreadable)
    return found
