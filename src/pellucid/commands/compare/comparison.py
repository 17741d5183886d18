"""Comparison of runs as tables, figures and files.

Axes: R runs, N test images that all have, K classes, P and Q layers of two nets.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.text import Text
from torch import Tensor

from pellucid.config.difference import option_differences
from pellucid.data.base import ImageData
from pellucid.data.images import Split
from pellucid.draw.comparison import (
    agreement_map,
    compared_curves,
    compared_reconstructions,
    similarity_map,
)
from pellucid.draw.grid import image_grid
from pellucid.draw.png import write_png
from pellucid.engine.evaluation import Evaluation
from pellucid.engine.intervals import Interval, interval_notes, to_dict
from pellucid.engine.loaded_run import LoadedRun
from pellucid.errors import counted, plain
from pellucid.inside.pixels import pixels, to_pixels
from pellucid.metrics.significance import holm
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
MAX_MAPPED = 4  # runs of whose every pair the layers are compared in a picture
MAX_CAPTIONED = 4  # runs whose predictions have room below an image
MAX_OPTIONS = 40  # rows in the console's table


@dataclass(frozen=True)
class Side:
    """One of the compared runs: its net, a short name that no other has, its data, the test images that all
    have, its predictions of them.
    """

    run: LoadedRun
    name: str
    data: ImageData
    split: Split
    evaluation: Evaluation
    layers: Mapping[str, np.ndarray]


def compare_metrics(sides: Sequence[Side]) -> dict[str, Any]:
    """Metrics of all with intervals; of each pair the paired test, corrected by Holm, and differences."""
    evaluations = [side.evaluation for side in sides]
    names = [name for name in evaluations[0].metrics if all(name in each.metrics for each in evaluations)]
    content: dict[str, Any] = {
        "runs": [str(side.run.folder) for side in sides],
        "names": [side.name for side in sides],
        "checkpoints": [side.run.checkpoint.name for side in sides],
        "data": [side.data.source for side in sides],
        "images": len(evaluations[0].predictions),
        "metrics": {name: [each.metrics[name] for each in evaluations] for name in names},
    }
    seed = sides[0].run.config["seed"]
    pairs = [
        {"first": i, "second": j, **_pair(evaluations[i], evaluations[j], names, seed)}
        for i, j in combinations(range(len(sides)), 2)
    ]
    for pair, p in zip(pairs, holm([pair["p"] for pair in pairs]), strict=True):
        pair["p_holm"] = p
    if len(sides) == 2:
        content |= {key: value for key, value in pairs[0].items() if key not in ("first", "second", "p_holm")}
    else:
        intervals = [each.intervals(seed) for each in evaluations]
        content["metric_intervals"] = {name: [each[name].ends for each in intervals] for name in names}
        content["metric_interval_methods"] = {name: intervals[0][name].method for name in names}
    return {**content, "pairs": pairs}


def _pair(first: Evaluation, second: Evaluation, names: Sequence[str], seed: int) -> dict[str, Any]:
    """How two runs differ: the paired test, and each metric's difference, of the second less the first."""
    test = paired_test(first.predictions, second.predictions)
    intervals = {name: first.difference(second, name, seed) for name in names}
    content: dict[str, Any] = {}
    if test.both_right is not None:
        content["both_right"] = test.both_right
        if first.is_share_of_right("accuracy") and second.is_share_of_right("accuracy"):
            intervals["accuracy"] = Interval(test.interval, f"Agresti and Min, {test.images:,} images")
    content |= {"only_first": test.only_first, "only_second": test.only_second, "p": test.p}
    return content | to_dict(intervals)


def print_metrics(sides: Sequence[Side], content: Mapping[str, Any]) -> None:
    for side in sides:
        log.info("%s: %s", side.name, side.run.name)
    classifier = sides[0].evaluation.predictions.has_classes
    redraws = "mse" in sides[0].evaluation.predictions.values
    better = "got right" if classifier else "redrew the better" if redraws else "did with the smaller loss"
    test = "McNemar's exact test" if classifier else "the sign test"
    if len(sides) == 2:
        _print_two(sides, content, better, test)
    else:
        _print_all(sides, content)
        _print_pairs(sides, content, better, test)


def _print_two(sides: Sequence[Side], content: Mapping[str, Any], better: str, test: str) -> None:
    title = f"Two runs on {counted(content['images'], 'test image')}"
    one, other = (side.name for side in sides)
    heads = ("", one, other, "difference", "95 % interval")
    table = console.table(title, heads, left=("",), no_wrap=True)
    for name, (first, second) in content["metrics"].items():
        figures = (metric(first), metric(second), metric(second - first, sign="+"))
        table.add_row(name, *map(_minus, figures), _ends(content["intervals"][name], sign="+"))
    console.print_table(table)
    log.info("Difference: %s less %s.", other, one)
    for line in interval_notes(content["intervals"], content["interval_methods"]):
        log.info("%s", line)
    log.info(
        "%s only %s %s, %s only %s: p = %s in %s of no difference between these two nets; "
        "trained again, they may differ otherwise.",
        counted(content["only_first"], "image"),
        *(one, better, f"{content['only_second']:,}", other, number(content["p"]), test),
    )


def _print_all(sides: Sequence[Side], content: Mapping[str, Any]) -> None:
    """A row each run, each metric with its interval."""
    heads = [head for name in content["metrics"] for head in (name, "95 % interval")]
    title = f"{len(sides)} runs on {counted(content['images'], 'test image')}"
    table = console.table(title, ("run", *heads), left=("run",), no_wrap=True)
    for index, side in enumerate(sides):
        cells = []
        for name, values in content["metrics"].items():
            cells += [_minus(metric(values[index])), _ends(content["metric_intervals"][name][index])]
        table.add_row(Text(side.name), *cells)
    console.print_table(table)
    for line in interval_notes(
        {name: ends[0] for name, ends in content["metric_intervals"].items()},
        content["metric_interval_methods"],
    ):
        log.info("%s", line)


def _print_pairs(sides: Sequence[Side], content: Mapping[str, Any], better: str, test: str) -> None:
    """A row each pair: the test, and the difference in the first metric but the loss."""
    name = next((each for each in content["metrics"] if each != "loss"), "loss")
    heads = ("first", "second", "only 1st", "only 2nd", name, "95 % interval", "p", "Holm")
    table = console.table("In pairs", heads, left=("first", "second"), no_wrap=True)
    for pair in content["pairs"]:
        first, second = pair["first"], pair["second"]
        values = content["metrics"][name]
        table.add_row(
            *(Text(sides[first].name), Text(sides[second].name)),
            *(f"{pair['only_first']:,}", f"{pair['only_second']:,}"),
            _minus(metric(values[second] - values[first], sign="+")),
            _ends(pair["intervals"][name], sign="+"),
            *(number(pair["p"]), number(pair["p_holm"])),
        )
    console.print_table(table)
    log.info(
        "Only 1st, only 2nd: images that only that one %s. %s: the second less the first. p: %s of no "
        "difference between two nets; Holm: p corrected for %s. Trained again, they may differ otherwise.",
        *(better, name, test, counted(len(content["pairs"]), "test")),
    )


def _ends(ends: Sequence[float] | None, sign: str = "") -> str:
    return _minus(" to ".join(metric(end, sign=sign) for end in ends)) if ends else "none"


def _minus(text: str) -> str:
    return text.replace("-", "−")


def _names(sides: Sequence[Side]) -> list[str]:
    """For legends: the short name, and the run that it is where that says more."""
    return [f"{index}: {side.name}" for index, side in enumerate(sides, start=1)]


def draw_curves(folder: Path, sides: Sequence[Side]) -> None:
    metrics = []
    for side in sides:
        rows = side.run.run.rows() if side.run.run else []
        if not rows:
            log.info("No learning curves: %s has no metrics.csv.", side.run.name)
            return
        metrics.append(curves(rows).metrics)
    names = [side.name for side in sides]
    write_png(folder / "curves.png", compared_curves(metrics, names, title="Learning curves"))


def draw_similarities(folder: Path, sides: Sequence[Side], similarities: Sequence[np.ndarray]) -> None:
    """A map for each pair: ``layers.png`` of two runs, else ``layers/1_2.png`` of the first and second."""
    if len(sides) == 2:
        _draw_similarity(folder / "layers", sides, similarities[0])
        return
    if len(sides) > MAX_MAPPED:
        log.info("No maps of how alike layers see of more than %d runs; compare two.", MAX_MAPPED)
        return
    for (i, j), values_PQ in zip(combinations(range(len(sides)), 2), similarities, strict=True):
        _draw_similarity(folder / "layers" / f"{i + 1}_{j + 1}", [sides[i], sides[j]], values_PQ)


def _draw_similarity(path: Path, sides: Sequence[Side], values_PQ: np.ndarray) -> None:
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
    names = [side.name for side in sides]
    picture = similarity_map(values_PQ, rows, columns, names, title="How alike their layers see", note=note)
    write_png(path.with_suffix(".png"), picture)
    similarities = [
        {"layer": name, **dict(zip(columns, row, strict=True))}
        for name, row in zip(rows, values_PQ.tolist(), strict=True)
    ]
    write_csv(path.with_suffix(".csv"), similarities)


def draw_agreement(folder: Path, sides: Sequence[Side]) -> None:
    """Of each pair the share of images of which both predict the same."""
    names = [side.name for side in sides]
    predicted_RN = torch.stack([side.evaluation.predictions.predicted for side in sides])
    share_RR = (predicted_RN[:, None] == predicted_RN[None]).double().mean(dim=2).numpy()
    note = f"share of {counted(predicted_RN.shape[1], 'test image')} of which both predict the same class"
    write_png(
        folder / "agreement.png", agreement_map(share_RR, names, title="How often they agree", note=note)
    )


def write_disagreements(folder: Path, sides: Sequence[Side]) -> None:
    """Images of which not all predict the same class, the surest first: a table, and a figure of some."""
    predictions = [side.evaluation.predictions for side in sides]
    index_M = disagreements(predictions)
    spec, split = sides[0].run.spec, sides[0].split
    heads = ["first", "second"] if len(sides) == 2 else [side.name for side in sides]
    rows: list[dict[str, Any]] = []
    for index in index_M.tolist():
        row = {"file": split.files[index], "class": spec.classes[int(predictions[0].labels_N[index])]}
        for name, each in zip(heads, predictions, strict=True):
            row[name] = spec.classes[int(each.predicted[index])]
            row[f"{name}_confidence"] = float(each.confidence[index])
        rows.append(row)
    columns = [column for name in heads for column in (name, f"{name}_confidence")]
    write_csv(folder / "disagreements.csv", rows, ("file", "class", *columns))
    if len(sides) > MAX_CAPTIONED:
        log.info("No picture of disagreements of more than %d runs; they are in the table.", MAX_CAPTIONED)
        return
    subset = split.subset(index_M[:MAX_SHOWN])
    note = "below each its true class, then what each run says of it, the surest first"
    picture = image_grid(
        pixels(spec, subset.images()),
        [_caption(row, heads) for row in rows[:MAX_SHOWN]],
        title=f"Where they disagree: {len(rows):,} of {counted(len(predictions[0]), 'test image')}",
        note="\n".join([spec.noted(note), "   ".join(_names(sides))]),
        files=["/".join(Path(file).parts[-2:]) for file in subset.files],
    )
    write_png(folder / "disagreements.png", picture)


def write_losses(folder: Path, sides: Sequence[Side]) -> None:
    """What all predict of every image, its labels or numbers, with the losses, as a table; a figure of those
    that one of two does the better by most.
    """
    classes, split = sides[0].run.spec.classes, sides[0].split
    predictions = [side.evaluation.predictions for side in sides]
    said = [predicted_texts(each.values, classes) for each in predictions]
    losses_RN = np.stack([each.values["loss"].numpy() for each in predictions])
    true = target_texts(predictions[0].targets, classes)
    heads = ["first", "second"] if len(sides) == 2 else [side.name for side in sides]
    rows = []
    for index, (file, known) in enumerate(zip(split.files, true, strict=True)):
        texts = {name: texts[index] for name, texts in zip(heads, said, strict=True)}
        losses = {f"{n}_loss": v for n, v in zip(heads, losses_RN[:, index].tolist(), strict=True)}
        rows.append({"file": file, "true": known, **texts, **losses})
    write_csv(folder / "losses.csv", rows)
    if len(sides) > 2:
        log.info("No picture of where they differ of more than two runs; losses.csv has every image.")
        return
    halves = [better_reconstructed(losses_RN[side], losses_RN[1 - side], MAX_SHOWN // 2) for side in (0, 1)]
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
        note="\n".join([f"{note}, by their losses", "   ".join(_names(sides))]),
        files=["/".join(Path(file).parts[-2:]) for file in subset.files],
    )
    write_png(folder / "losses.png", picture)


def _caption(row: Mapping[str, Any], heads: Sequence[str]) -> str:
    lines = [str(row["class"])]
    for position, name in enumerate(heads, start=1):
        mark = "✓" if row[name] == row["class"] else "✗"
        lines.append(f"{position} {mark} {row[name]} {row[f'{name}_confidence']:.2f}")
    return "\n".join(lines)


def write_errors(folder: Path, sides: Sequence[Side]) -> np.ndarray:
    """Errors of every image as a table, and as (R, N)."""
    errors_RN = np.stack([side.evaluation.predictions.values["loss"].numpy() for side in sides])
    heads = ["first", "second"] if len(sides) == 2 else [side.name for side in sides]
    rows = [
        {"file": file, **dict(zip(heads, errors, strict=True))}
        for file, errors in zip(sides[0].split.files, errors_RN.T.tolist(), strict=True)
    ]
    write_csv(folder / "errors.csv", rows)
    return errors_RN


def draw_reconstructions(folder: Path, sides: Sequence[Side]) -> None:
    """Errors of every image as a table; a figure of those that one autoencoder reconstructs the better."""
    errors_2N = write_errors(folder, sides)
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
    names = _names(sides)
    write_png(folder / "redrawn.png", compared_reconstructions(groups, names, title="Where they differ most"))


def _reconstructions(side: Side, index_M: Tensor) -> np.ndarray:
    predictor = side.run.predictor()
    reconstructed = reconstruct(predictor, predictor.inputs(side.split.images(index_M)))
    return to_pixels(reconstructed.outputs_BHWC.clip(0, 1), side.run.spec.bands)


def write_option_differences(folder: Path, runs: Sequence[LoadedRun], names: Sequence[str]) -> None:
    """Options in which the runs differ, as a file and a table."""
    values: dict[str, list[str]] = {}
    for index, run in enumerate(runs[1:], start=1):
        for option, first, other in option_differences(runs[0].config, run.config):
            values.setdefault(option, [first] * len(runs))[index] = other
    heads = ["first", "second"] if len(runs) == 2 else list(names)
    rows = [{"option": option, **dict(zip(heads, row, strict=True))} for option, row in values.items()]
    write_csv(folder / "options.csv", rows, ("option", *heads))
    if not values:
        log.info("All options are the same.")
        return
    table = console.table("What was set otherwise", ("option", *names), overflow="fold")
    for option, row in list(values.items())[:MAX_OPTIONS]:
        table.add_row(*(Text(plain(value)) for value in (option, *row)))
    console.print_table(table)
    if len(values) > MAX_OPTIONS:
        log.info("… and %d more in options.csv.", len(values) - MAX_OPTIONS)
