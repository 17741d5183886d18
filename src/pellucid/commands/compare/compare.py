"""Two runs side by side: their figures and curves, where they disagree, how alike their layers see.

Shapes: N images, P and Q layers of the two nets.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.commands.compare.comparison import (
    IMAGES,
    Side,
    draw_curves,
    draw_likeness,
    draw_redrawn,
    figures,
    tell,
    write_disagreements,
    write_options,
)
from pellucid.config.command import DataOverride, PathText
from pellucid.data.base import ImageData
from pellucid.data.images import Split
from pellucid.engine.evaluation import evaluation
from pellucid.engine.loaded_run import LoadedRun, restore
from pellucid.errors import UserError, counted
from pellucid.inside.reference import choose_points
from pellucid.inside.representations import choose_layers_of, representations
from pellucid.metrics.similarity import LEAST, alignment, gram
from pellucid.system.console import console
from pellucid.system.files import write_atomically
from pellucid.task.classification import Classification

log = logging.getLogger(__name__)


def compare(
    runs: Sequence[PathText],
    *,
    layers: str | Sequence[str] = "auto",
    data: DataOverride | None = None,
    checkpoint: PathText = "best",
    accelerator: str = "auto",
    packages: Sequence[str] = (),
    out: PathText | None = None,
) -> dict[str, Any]:
    """Compare two runs on the test images that both have; what was found.

    ``runs``: two run folders or checkpoints. ``layers``: auto (convolutions and linear layers) or names of
    either net's. Files go to ``comparison/<the second>`` of the first, or to ``out``. Raises UserError where
    they cannot be compared, before anything is written.
    """
    if isinstance(runs, str) or len(runs) != 2:
        given = runs if isinstance(runs, str) else f"[{','.join(map(str, runs))}]"
        raise UserError(f"runs={given}: expected two runs, runs=[outputs/…,outputs/…].")
    if not isinstance(layers, str | list):
        raise UserError(f"layers={layers}: expected auto or names, [features.0,head].")
    both = [restore(run, checkpoint=checkpoint, accelerator=accelerator, packages=packages) for run in runs]
    _check_kinds(both)
    folder = both[0].place(out, "/".join(("comparison", *both[1].folder.parts[-2:])))
    chosen = choose_layers_of([trained.net for trained in both], layers)
    sides = _look(both, _common(both, [trained.data(data) for trained in both]), chosen)
    values_PQ = _alignments(sides)
    content = figures(sides)
    tell(sides, content)
    write_atomically(folder / "comparison.json", json.dumps(content, indent=2).encode())
    draw_curves(folder, both)
    draw_likeness(folder, sides, values_PQ)
    if sides[0].found.predictions.has_classes:
        write_disagreements(folder, sides)
    else:
        draw_redrawn(folder, sides)
    write_options(folder, both)
    log.info("Written: %s", folder)
    return {**content, "cka": values_PQ.tolist()}


def _check_kinds(both: Sequence[LoadedRun]) -> None:
    kinds = [type(trained.task).__name__.lower() for trained in both]
    if kinds[0] != kinds[1]:
        told = " and ".join(f"{one.name} ({kind})" for one, kind in zip(both, kinds, strict=True))
        raise UserError(f"runs: expected two nets of one task, got {told}.")
    one, other = (trained.spec.classes for trained in both)
    if one != other and isinstance(both[0].task, Classification):
        raise UserError(
            f"runs: expected two nets of the same classes in the same order, got {len(one)} "
            f"({', '.join(one[:8])}) and {len(other)} ({', '.join(other[:8])})."
        )


def _common(both: Sequence[LoadedRun], images: Sequence[ImageData]) -> list[tuple[ImageData, Split]]:
    """Each run's data, of whose test images only those that both have are left, in the same order."""
    one, other = (data.split("test") for data in images)
    places = {file: place for place, file in enumerate(other.files)}
    pairs = [(place, places[file]) for place, file in enumerate(one.files) if file in places]
    if not pairs:
        told = " and ".join(f"{data.source}" for data in images)
        raise UserError(
            f"runs: no test image of the one is a test image of the other ({told}). Name images that "
            "neither was trained on: data.root=<folder>, or data=image_folder data.root=<folder>."
        )
    index_N, other_N = torch.tensor(pairs).unbind(dim=1)
    common = [data.of_test(index) for data, index in zip(images, (index_N, other_N), strict=True)]
    kept = [data.split("test") for data in common]
    if not _same(*kept):
        raise UserError(
            f"runs: under the same names their test images are not the same ({images[0].source} and "
            f"{images[1].source}). Name the same ones for both: data.root=<folder>."
        )
    if len(pairs) < max(len(one), len(other)):
        log.warning(
            "Compared on %s: those that are test images of both (of %s and %s; the splits differ).",
            counted(len(pairs), "image"),
            *(f"{count:,}" for count in (len(one), len(other))),
        )
    return list(zip(common, kept, strict=True))


def _same(one: Split, other: Split) -> bool:
    """Labels alike, and pixels where they were read at the same size."""
    if not torch.equal(one.labels_N, other.labels_N):
        return False
    if one.store.shape[1:] != other.store.shape[1:]:
        return True
    parts = torch.split(torch.arange(len(one)), IMAGES)
    return all(torch.equal(one.images(index_B), other.images(index_B)) for index_B in parts)


def _look(
    both: Sequence[LoadedRun], data: Sequence[tuple[ImageData, Split]], chosen: Sequence[Sequence[str]]
) -> list[Side]:
    index_N = choose_points(len(data[0][1]), IMAGES, both[0].config["seed"])
    sides = []
    for trained, (images, split), names in console.track(
        list(zip(both, data, chosen, strict=True)), "Comparing"
    ):
        found = evaluation(trained, images, "test")
        layers = _layers(trained, images, names, index_N) if len(index_N) >= LEAST else {}
        sides.append(Side(trained, images, split, found, layers))
    return sides


def _layers(
    trained: LoadedRun, data: ImageData, names: Sequence[str], index_N: Tensor
) -> dict[str, np.ndarray]:
    """The grams of the layers."""
    predictor, split = trained.predictor(), data.splits["test"]
    batches = (predictor.inputs(split.images(index_B)) for index_B in torch.split(index_N, data.batch_size))
    seen = representations(trained.net, names, batches, predictor.run)
    return {name: gram(values_NP) for name, values_NP in seen.items()}


def _alignments(sides: Sequence[Side]) -> np.ndarray:
    one, other = (side.layers for side in sides)
    values = [[alignment(left, right) for right in other.values()] for left in one.values()]
    return np.array(values).reshape(len(one), len(other))
