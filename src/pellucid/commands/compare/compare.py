"""Comparison of runs: metrics, learning curves, disagreements, similarity of their layers (CKA).

Shapes: N images, P and Q layers of two nets.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Sequence
from itertools import combinations
from typing import Any, Literal

import torch

from pellucid.commands.compare.comparison import (
    MAX_IMAGES,
    Side,
    compare_metrics,
    draw_agreement,
    draw_curves,
    draw_reconstructions,
    draw_similarities,
    print_metrics,
    write_disagreements,
    write_errors,
    write_losses,
    write_option_differences,
)
from pellucid.config.command import DataOverride, NameText, PathText
from pellucid.data.base import ImageData
from pellucid.data.images import Split
from pellucid.draw.formats import in_formats
from pellucid.engine.evaluation import evaluation
from pellucid.engine.loaded_run import LoadedRun, restore
from pellucid.errors import UserError, counted
from pellucid.inside.preserve_state import unwrap_compiled
from pellucid.inside.reference import choose_points
from pellucid.inside.representations import select_layers_of
from pellucid.metrics.similarity import MIN_SAMPLES
from pellucid.run.search import short_names
from pellucid.system.console import console
from pellucid.system.files import write_atomically
from pellucid.view.comparison import layer_grams, layer_similarity

log = logging.getLogger(__name__)
MAX_LETTERS = 100  # of a folder's name


@in_formats
def compare(
    runs: Sequence[PathText],
    *,
    layers: NameText | Sequence[NameText] = "auto",
    data: DataOverride | None = None,
    checkpoint: PathText = "best",
    accelerator: str = "auto",
    packages: Sequence[str] = (),
    figures: Literal["png", "pdf", "svg"] | Sequence[Literal["png", "pdf", "svg"]] = "png",
    out: PathText | None = None,
) -> dict[str, Any]:
    """Comparison of two runs or more on the test images that all have, written and returned.

    ``runs``: run folders, names or checkpoints. ``layers``: auto (convolutions and linear layers) or names of
    any net's. Files go to ``comparison/<the second>`` of the first, of more runs ``comparison/<names>``, or
    to ``out``. Raises UserError where they cannot be compared, before anything is written.
    """
    if isinstance(runs, str) or len(runs) < 2:
        runs_text = runs if isinstance(runs, str) else f"[{','.join(map(str, runs))}]"
        raise UserError(f"runs={runs_text}: expected two runs or more, runs=[outputs/…,outputs/…].")
    if not isinstance(layers, str | list):
        raise UserError(f"layers={layers}: expected auto or names, [features.0,head].")
    loaded = [restore(run, checkpoint=checkpoint, accelerator=accelerator, packages=packages) for run in runs]
    _check_kinds(loaded)
    names = short_names([(run.config.get("name") or "", run.folder) for run in loaded])
    folder = loaded[0].output_folder(out, _place(loaded, names))
    layer_names = select_layers_of([unwrap_compiled(run.net) for run in loaded], layers)
    common = _common(loaded, [run.data(data) for run in loaded])
    sides = _evaluate(loaded, names, common, layer_names)
    pairs = list(combinations(range(len(sides)), 2))
    similarities = [layer_similarity(sides[i].layers, sides[j].layers) for i, j in pairs]
    content = compare_metrics(sides)
    for pair, values_PQ in zip(content["pairs"], similarities, strict=True):
        pair["cka"] = values_PQ.tolist()
    print_metrics(sides, content)
    write_atomically(folder / "comparison.json", json.dumps(content, indent=2).encode())
    draw_curves(folder, sides)
    draw_similarities(folder, sides, similarities)
    values = sides[0].evaluation.predictions.values
    if len(sides) > 2 and sides[0].evaluation.predictions.has_classes:
        draw_agreement(folder, sides)
    if sides[0].evaluation.predictions.has_classes:
        write_disagreements(folder, sides)
    elif sides[0].evaluation.predictions.targets_NK is not None and "mse" not in values:
        write_losses(folder, sides)
    elif len(sides) > 2:
        write_errors(folder, sides)
    else:
        draw_reconstructions(folder, sides)
    write_option_differences(folder, loaded, names)
    log.info("Written: %s", folder)
    return {**content, "cka": similarities[0].tolist()} if len(sides) == 2 else content


def _place(loaded: Sequence[LoadedRun], names: Sequence[str]) -> str:
    if len(loaded) == 2:
        return "/".join(("comparison", *loaded[1].folder.parts[-2:]))
    return (
        f"comparison/{'_'.join(re.sub(r'[^A-Za-z0-9.+-]+', '-', name) for name in names[1:])[:MAX_LETTERS]}"
    )


def _check_kinds(runs: Sequence[LoadedRun]) -> None:
    kinds = [type(run.task).__name__.lower() for run in runs]
    if len(set(kinds)) > 1:
        names = " and ".join(f"{run.name} ({kind})" for run, kind in zip(runs, kinds, strict=True))
        raise UserError(f"runs: expected nets of one task, got {names}.")
    first = runs[0].spec.classes
    second = next((run.spec.classes for run in runs if run.spec.classes != first), None)
    if second is not None and runs[0].predictor().has_classes:
        raise UserError(
            f"runs: expected nets of the same classes in the same order, got {len(first)} "
            f"({', '.join(first[:8])}) and {len(second)} ({', '.join(second[:8])})."
        )


def _common(loaded: Sequence[LoadedRun], images: Sequence[ImageData]) -> list[tuple[ImageData, Split]]:
    """Each run's data, of whose test images only those that all have are left, in the same order."""
    splits = [data.split("test") for data in images]
    indices = [{file: index for index, file in enumerate(split.files)} for split in splits]
    files = [file for file in splits[0].files if all(file in index_of for index_of in indices)]
    every = "the one is a test image of the other" if len(loaded) == 2 else "one is a test image of all"
    if not files:
        sources = " and ".join(dict.fromkeys(str(data.source) for data in images))
        raise UserError(
            f"runs: no test image of {every} ({sources}; each seed may have a split of its own, runs of one "
            "data.seed=<number> have the same). Name images that none was trained on: data.root=<folder>, or "
            "data=image_folder data.root=<folder>."
        )
    common = [
        data.of_test(torch.tensor([index_of[file] for file in files]))
        for data, index_of in zip(images, indices, strict=True)
    ]
    shared = [data.split("test") for data in common]
    if other := next(
        (d for d, split in zip(images, shared, strict=True) if not _same(shared[0], split)), None
    ):
        raise UserError(
            f"runs: under the same names their test images are not the same ({images[0].source} and "
            f"{other.source}). Name the same ones for all: data.root=<folder>."
        )
    if len(files) < max(map(len, splits)):
        log.warning(
            "Compared on %s: those that are test images of %s (of %s; the splits differ).",
            counted(len(files), "image"),
            "both" if len(loaded) == 2 else "all",
            " and ".join(dict.fromkeys(f"{len(split):,}" for split in splits)),
        )
    return list(zip(common, shared, strict=True))


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
    short: Sequence[str],
    data: Sequence[tuple[ImageData, Split]],
    layer_names: Sequence[Sequence[str]],
) -> list[Side]:
    index_N = choose_points(len(data[0][1]), MAX_IMAGES, loaded[0].config["seed"])
    sides = []
    for run, name, (images, split), names in console.track(
        list(zip(loaded, short, data, layer_names, strict=True)), "Comparing"
    ):
        evaluated = evaluation(run, images, "test")
        batches = (split.pick(index, run.spec.classes) for index in torch.split(index_N, images.batch_size))
        layers = layer_grams(run.predictor(), names, batches) if len(index_N) >= MIN_SAMPLES else {}
        sides.append(Side(run, name, images, split, evaluated, layers))
    return sides
