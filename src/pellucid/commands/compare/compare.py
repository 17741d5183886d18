"""Comparison of two runs: metrics, learning curves, disagreements, similarity of their layers (CKA).

Shapes: N images, P and Q layers of the two nets.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any

import torch

from pellucid.commands.compare.comparison import (
    MAX_IMAGES,
    Side,
    compare_metrics,
    draw_curves,
    draw_reconstructions,
    draw_similarity,
    print_metrics,
    write_disagreements,
    write_losses,
    write_option_differences,
)
from pellucid.config.command import DataOverride, NameText, PathText
from pellucid.data.base import ImageData
from pellucid.data.images import Split
from pellucid.engine.evaluation import evaluation
from pellucid.engine.loaded_run import LoadedRun, restore
from pellucid.errors import UserError, counted
from pellucid.inside.preserve_state import unwrap_compiled
from pellucid.inside.reference import choose_points
from pellucid.inside.representations import select_layers_of
from pellucid.metrics.similarity import MIN_SAMPLES
from pellucid.system.console import console
from pellucid.system.files import write_atomically
from pellucid.view.comparison import layer_grams, layer_similarity

log = logging.getLogger(__name__)


def compare(
    runs: Sequence[PathText],
    *,
    layers: NameText | Sequence[NameText] = "auto",
    data: DataOverride | None = None,
    checkpoint: PathText = "best",
    accelerator: str = "auto",
    packages: Sequence[str] = (),
    out: PathText | None = None,
) -> dict[str, Any]:
    """Comparison of two runs on the test images that both have, written and returned.

    ``runs``: two run folders or checkpoints. ``layers``: auto (convolutions and linear layers) or names of
    either net's. Files go to ``comparison/<the second>`` of the first, or to ``out``. Raises UserError where
    they cannot be compared, before anything is written.
    """
    if isinstance(runs, str) or len(runs) != 2:
        runs_text = runs if isinstance(runs, str) else f"[{','.join(map(str, runs))}]"
        raise UserError(f"runs={runs_text}: expected two runs, runs=[outputs/…,outputs/…].")
    if not isinstance(layers, str | list):
        raise UserError(f"layers={layers}: expected auto or names, [features.0,head].")
    loaded = [restore(run, checkpoint=checkpoint, accelerator=accelerator, packages=packages) for run in runs]
    _check_kinds(loaded)
    folder = loaded[0].output_folder(out, "/".join(("comparison", *loaded[1].folder.parts[-2:])))
    layer_names = select_layers_of([unwrap_compiled(run.net) for run in loaded], layers)
    sides = _evaluate(loaded, _common(loaded, [run.data(data) for run in loaded]), layer_names)
    values_PQ = layer_similarity(*(side.layers for side in sides))
    content = compare_metrics(sides)
    print_metrics(sides, content)
    write_atomically(folder / "comparison.json", json.dumps(content, indent=2).encode())
    draw_curves(folder, loaded)
    draw_similarity(folder, sides, values_PQ)
    values = sides[0].evaluation.predictions.values
    if sides[0].evaluation.predictions.has_classes:
        write_disagreements(folder, sides)
    elif sides[0].evaluation.predictions.targets_NK is not None and "mse" not in values:
        write_losses(folder, sides)
    else:
        draw_reconstructions(folder, sides)
    write_option_differences(folder, loaded)
    log.info("Written: %s", folder)
    return {**content, "cka": values_PQ.tolist()}


def _check_kinds(both: Sequence[LoadedRun]) -> None:
    kinds = [type(run.task).__name__.lower() for run in both]
    if kinds[0] != kinds[1]:
        names = " and ".join(f"{run.name} ({kind})" for run, kind in zip(both, kinds, strict=True))
        raise UserError(f"runs: expected two nets of one task, got {names}.")
    first, second = (run.spec.classes for run in both)
    if first != second and both[0].predictor().has_classes:
        raise UserError(
            f"runs: expected two nets of the same classes in the same order, got {len(first)} "
            f"({', '.join(first[:8])}) and {len(second)} ({', '.join(second[:8])})."
        )


def _common(both: Sequence[LoadedRun], images: Sequence[ImageData]) -> list[tuple[ImageData, Split]]:
    """Each run's data, of whose test images only those that both have are left, in the same order."""
    first, second = (data.split("test") for data in images)
    index_of = {file: index for index, file in enumerate(second.files)}
    pairs = [(index, index_of[file]) for index, file in enumerate(first.files) if file in index_of]
    if not pairs:
        sources = " and ".join(f"{data.source}" for data in images)
        raise UserError(
            f"runs: no test image of the one is a test image of the other ({sources}). Name images that "
            "neither was trained on: data.root=<folder>, or data=image_folder data.root=<folder>."
        )
    first_N, second_N = torch.tensor(pairs).unbind(dim=1)
    common = [data.of_test(index) for data, index in zip(images, (first_N, second_N), strict=True)]
    splits = [data.split("test") for data in common]
    if not _same(*splits):
        raise UserError(
            f"runs: under the same names their test images are not the same ({images[0].source} and "
            f"{images[1].source}). Name the same ones for both: data.root=<folder>."
        )
    if len(pairs) < max(len(first), len(second)):
        log.warning(
            "Compared on %s: those that are test images of both (of %s and %s; the splits differ).",
            counted(len(pairs), "image"),
            *(f"{count:,}" for count in (len(first), len(second))),
        )
    return list(zip(common, splits, strict=True))


def _same(first: Split, second: Split) -> bool:
    """Labels alike, and pixels where they were read at the same size."""
    if not torch.equal(first.targets, second.targets):
        return False
    if first.store.shape[1:] != second.store.shape[1:]:
        return True
    parts = torch.split(torch.arange(len(first)), MAX_IMAGES)
    return all(torch.equal(first.images(index_B), second.images(index_B)) for index_B in parts)


def _evaluate(
    loaded: Sequence[LoadedRun],
    data: Sequence[tuple[ImageData, Split]],
    layer_names: Sequence[Sequence[str]],
) -> list[Side]:
    index_N = choose_points(len(data[0][1]), MAX_IMAGES, loaded[0].config["seed"])
    sides = []
    for run, (images, split), names in console.track(
        list(zip(loaded, data, layer_names, strict=True)), "Comparing"
    ):
        evaluated = evaluation(run, images, "test")
        batches = (split.pick(index, run.spec.classes) for index in torch.split(index_N, images.batch_size))
        layers = layer_grams(run.predictor(), names, batches) if len(index_N) >= MIN_SAMPLES else {}
        sides.append(Side(run, images, split, evaluated, layers))
    return sides
