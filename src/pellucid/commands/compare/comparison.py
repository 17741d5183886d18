"""Comparison of two runs as tables, figures and files.

Axes: N test images that both have, K classes, P and Q layers of the two nets.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.text import Text
from torch import Tensor

from pellucid.config.difference import option_differences
from pellucid.data.base import ImageData
from pellucid.data.images import Split
from pellucid.draw.comparison import compared_curves, compared_reconstructions, similarity_map
from pellucid.draw.grid import image_grid
from pellucid.draw.png import write_png
from pellucid.engine.evaluation import Evaluation
from pellucid.engine.intervals import Interval, interval_notes, to_dict
from pellucid.engine.loaded_run import LoadedRun
from pellucid.errors import counted, plain
from pellucid.inside.pixels import pixels, to_pixels
from pellucid.metrics.similarity import MIN_SAMPLES
from pellucid.system.console import console
from pellucid.system.files import write_csv
from pellucid.system.number_text import metric, number
from pellucid.view.comparison import better_reconstructed, disagreements, paired_test
from pellucid.view.curves import curves
from pellucid.view.predictions import broken, predicted_texts, target_texts
from pellucid.view.reconstructions import reconstruct

log = logging.getLogger(__name__)

MAX_IMAGES = 512  # whose layers are compared
MIN_IMAGES = 256  # images, below which that is rough
MAX_SHOWN = 24  # images on which they disagree
MAX_RECONSTRUCTIONS = 6  # images that an autoencoder redraws better than the other
MAX_OPTIONS = 40  # rows in the console's table


@dataclass(frozen=True)
class Side:
    """One of two compared runs: its net and data, the test images that both have, its predictions of them."""

    run: LoadedRun
    data: ImageData
    split: Split
    evaluation: Evaluation
    layers: Mapping[str, np.ndarray]


def compare_metrics(sides: Sequence[Side]) -> dict[str, Any]:
    """Metrics of both, their differences with intervals, and the paired test."""
    first, second = (side.evaluation for side in sides)
    seed, count = sides[0].run.config["seed"], len(first.predictions)
    content: dict[str, Any] = {
        "runs": [str(side.run.folder) for side in sides],
        "checkpoints": [side.run.checkpoint.name for side in sides],
        "data": [side.data.source for side in sides],
        "images": count,
        "metrics": {
            name: [first.metrics[name], second.metrics[name]]
            for name in first.metrics
            if name in second.metrics
        },
    }
    intervals = {name: first.difference(second, name, seed) for name in content["metrics"]}
    test = paired_test(first.predictions, second.predictions)
    if test.both_right is not None:
        content["both_right"] = test.both_right
        if first.is_share_of_right("accuracy") and second.is_share_of_right("accuracy"):
            intervals["accuracy"] = Interval(test.interval, f"Agresti and Min, {count:,} images")
    content |= {"only_first": test.only_first, "only_second": test.only_second, "p": test.p}
    content |= to_dict(intervals)
    return content


def print_metrics(sides: Sequence[Side], content: Mapping[str, Any]) -> None:
    title = f"Two runs on {counted(content['images'], 'test image')}"
    table = console.table(title, ("", "1", "2", "2 less 1", "95 % interval"), left=("",), no_wrap=True)
    for name, (first, second) in content["metrics"].items():
        ends = content["intervals"][name]
        interval = " to ".join(metric(end, sign="+") for end in ends) if ends else "none"
        figures = (metric(first), metric(second), metric(second - first, sign="+"), interval)
        table.add_row(name, *(text.replace("-", "−") for text in figures))
    for position, side in enumerate(sides, start=1):
        log.info("%d: %s", position, side.run.name)
    console.print(table)
    for line in interval_notes(content["intervals"], content["interval_methods"]):
        log.info("%s", line)
    classifier = sides[0].evaluation.predictions.has_classes
    redraws = "mse" in sides[0].evaluation.predictions.values
    log.info(
        "%s only 1 %s, %s only 2: p = %s in %s of no difference between these two nets; "
        "trained again, they may differ otherwise.",
        counted(content["only_first"], "image"),
        "got right" if classifier else "redrew the better" if redraws else "did with the smaller loss",
        f"{content['only_second']:,}",
        number(content["p"]),
        "McNemar's exact test" if classifier else "the sign test",
    )


def _names(runs: Sequence[LoadedRun]) -> list[str]:
    return [f"{position}: {run.name}" for position, run in enumerate(runs, start=1)]


def draw_curves(folder: Path, runs: Sequence[LoadedRun]) -> None:
    metrics = []
    for loaded in runs:
        rows = loaded.run.rows() if loaded.run else []
        if not rows:
            log.info("No learning curves: %s has no metrics.csv.", loaded.name)
            return
        metrics.append(curves(rows).metrics)
    write_png(folder / "curves.png", compared_curves(metrics, _names(runs), title="Learning curves"))


def draw_similarity(folder: Path, sides: Sequence[Side], values_PQ: np.ndarray) -> None:
    count = min(len(sides[0].split), MAX_IMAGES)
    if not values_PQ.size:
        why = f"only {counted(count, 'test image')}" if count < MIN_SAMPLES else "a net has no such layers"
        log.info("No map of how alike the layers see: %s.", why)
        return
    rows, columns = (list(side.layers) for side in sides)
    note = (
        f"debiased linear CKA, {counted(count, 'test image')}{' (few: rough)' if count < MIN_IMAGES else ''}"
    )
    note += "; 1: the same up to rotation and scale, 0: unrelated"
    names = _names([side.run for side in sides])
    picture = similarity_map(values_PQ, rows, columns, names, title="How alike their layers see", note=note)
    write_png(folder / "layers.png", picture)
    similarities = [
        {"layer": name, **dict(zip(columns, row, strict=True))}
        for name, row in zip(rows, values_PQ.tolist(), strict=True)
    ]
    write_csv(folder / "layers.csv", similarities)


def write_disagreements(folder: Path, sides: Sequence[Side]) -> None:
    """Images of which the two predict another class, the surest first: a table, and a figure of the first."""
    first, second = (side.evaluation.predictions for side in sides)
    index_M = disagreements(first, second)
    spec, split = sides[0].run.spec, sides[0].split
    rows: list[dict[str, Any]] = []
    for index in index_M.tolist():
        row = {"file": split.files[index], "class": spec.classes[int(first.labels_N[index])]}
        for name, predictions in (("first", first), ("second", second)):
            row[name] = spec.classes[int(predictions.predicted[index])]
            row[f"{name}_confidence"] = float(predictions.confidence[index])
        rows.append(row)
    columns = ("file", "class", "first", "first_confidence", "second", "second_confidence")
    write_csv(folder / "disagreements.csv", rows, columns)
    subset = split.subset(index_M[:MAX_SHOWN])
    note = "below each its true class, then what 1 and 2 say of it, the surest first"
    picture = image_grid(
        pixels(spec, subset.images()),
        [_caption(row) for row in rows[:MAX_SHOWN]],
        title=f"Where they disagree: {len(rows):,} of {counted(len(first), 'test image')}",
        note="\n".join([spec.noted(note), *_names([side.run for side in sides])]),
        files=["/".join(Path(file).parts[-2:]) for file in subset.files],
    )
    write_png(folder / "disagreements.png", picture)


def write_losses(folder: Path, sides: Sequence[Side]) -> None:
    """What both predict of every image, its labels or numbers, with the losses, as a table; a figure of those
    that one does the better by most.
    """
    names, split = sides[0].run.spec.classes, sides[0].split
    first, second = (side.evaluation.predictions for side in sides)
    said = [predicted_texts(predictions.values, names) for predictions in (first, second)]
    losses_2N = np.stack([predictions.values["loss"].numpy() for predictions in (first, second)])
    true = target_texts(first.targets, names)
    rows = [
        {"file": file, "true": known, "first": a, "second": b, "first_loss": c, "second_loss": d}
        for file, known, a, b, c, d in zip(split.files, true, *said, *losses_2N.tolist(), strict=True)
    ]
    write_csv(folder / "losses.csv", rows)
    halves = [better_reconstructed(losses_2N[side], losses_2N[1 - side], MAX_SHOWN // 2) for side in (0, 1)]
    index_M = torch.cat(halves)
    subset = split.subset(index_M)
    captions = [
        "\n".join(
            [broken(f"({true[index]})"), broken(f"1: {said[0][index]}"), broken(f"2: {said[1][index]}")]
        )
        for index in index_M.tolist()
    ]
    note = (
        f"first {counted(len(halves[0]), 'image')} that 1 does the better, then {len(halves[1])} that 2 does"
    )
    picture = image_grid(
        pixels(sides[0].run.spec, subset.images()),
        captions,
        title="Where they differ most",
        note="\n".join([f"{note}, by their losses", *_names([side.run for side in sides])]),
        files=["/".join(Path(file).parts[-2:]) for file in subset.files],
    )
    write_png(folder / "losses.png", picture)


def _caption(row: Mapping[str, Any]) -> str:
    lines = [str(row["class"])]
    for position, name in enumerate(("first", "second"), start=1):
        mark = "✓" if row[name] == row["class"] else "✗"
        lines.append(f"{position} {mark} {row[name]} {row[f'{name}_confidence']:.2f}")
    return "\n".join(lines)


def draw_reconstructions(folder: Path, sides: Sequence[Side]) -> None:
    """Errors of every image as a table; a figure of those that one autoencoder reconstructs the better."""
    errors_2N = np.stack([side.evaluation.predictions.values["loss"].numpy() for side in sides])
    rows = [
        {"file": file, "first": first, "second": second}
        for file, first, second in zip(sides[0].split.files, *errors_2N.tolist(), strict=True)
    ]
    write_csv(folder / "errors.csv", rows)
    groups = {}
    for better in (0, 1):
        index_M = better_reconstructed(errors_2N[better], errors_2N[1 - better], MAX_RECONSTRUCTIONS)
        originals = pixels(sides[0].run.spec, sides[0].split.images(index_M))
        groups[f"{better + 1} is better"] = (
            originals,
            _reconstructions(sides[0], index_M),
            _reconstructions(sides[1], index_M),
            errors_2N[:, index_M.numpy()],
        )
    names = _names([side.run for side in sides])
    write_png(folder / "redrawn.png", compared_reconstructions(groups, names, title="Where they differ most"))


def _reconstructions(side: Side, index_M: Tensor) -> np.ndarray:
    predictor = side.run.predictor()
    reconstructed = reconstruct(predictor, predictor.inputs(side.split.images(index_M)))
    return to_pixels(reconstructed.outputs_BHWC.clip(0, 1), side.run.spec.bands)


def write_option_differences(folder: Path, runs: Sequence[LoadedRun]) -> None:
    """Options in which the runs differ, as a file and a table."""
    differences = list(option_differences(runs[0].config, runs[1].config))
    columns = ("option", "first", "second")
    write_csv(folder / "options.csv", [dict(zip(columns, row, strict=True)) for row in differences], columns)
    if not differences:
        log.info("All options are the same.")
        return
    table = console.table("What was set otherwise", ("option", "1", "2"), overflow="fold")
    for row in differences[:MAX_OPTIONS]:
        table.add_row(*(Text(plain(value)) for value in row))
    console.print(table)
    if len(differences) > MAX_OPTIONS:
        log.info("… and %d more in options.csv.", len(differences) - MAX_OPTIONS)
