"""What two runs have in common and what not, as tables, pictures and files.

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
from pellucid.draw.comparison import compared_curves, compared_reconstructions, likeness_map
from pellucid.draw.grid import image_grid
from pellucid.draw.png import write_png
from pellucid.draw.sheet import number
from pellucid.engine.evaluation import Evaluation
from pellucid.engine.intervals import Interval, interval_notes, to_dict
from pellucid.engine.loaded_run import LoadedRun
from pellucid.errors import counted, plain
from pellucid.inside.pixels import pixels
from pellucid.metrics.intervals import paired_interval
from pellucid.metrics.significance import mcnemar
from pellucid.metrics.similarity import LEAST
from pellucid.system.console import console
from pellucid.system.files import write_csv

log = logging.getLogger(__name__)

IMAGES = 512  # whose layers are compared
FEW = 256  # images, below which that is rough
SHOWN = 24  # images on which they disagree
REDRAWN = 6  # images that an autoencoder redraws better than the other
OPTIONS = 40  # rows in the console's table


@dataclass(frozen=True)
class Side:
    """One of the two runs: its net, its data, the test images that both have, and what it made of them."""

    trained: LoadedRun
    data: ImageData
    split: Split
    found: Evaluation
    layers: Mapping[str, np.ndarray]


def figures(sides: Sequence[Side]) -> dict[str, Any]:
    """The metrics of both, their differences, and the paired test."""
    one, other = (side.found for side in sides)
    seed, count = sides[0].trained.config["seed"], len(one.predictions)
    content: dict[str, Any] = {
        "runs": [str(side.trained.folder) for side in sides],
        "checkpoints": [side.trained.checkpoint.name for side in sides],
        "data": [side.data.source for side in sides],
        "images": count,
        "metrics": {
            name: [one.metrics[name], other.metrics[name]] for name in one.metrics if name in other.metrics
        },
    }
    intervals = {name: one.difference(other, name, seed) for name in content["metrics"]}
    if one.predictions.has_classes:
        rights = [found.predictions.right().numpy() for found in (one, other)]
        first, second, p = mcnemar(*rights)
        content |= {"both_right": int((rights[0] & rights[1]).sum())}
        if one.is_share_of_right("accuracy") and other.is_share_of_right("accuracy"):
            ends = paired_interval(first, second, count)
            intervals["accuracy"] = Interval(ends, f"Agresti and Min, {count:,} images")
    else:
        losses_N, others_N = (found.predictions.values["loss"].numpy() for found in (one, other))
        first, second, p = mcnemar(losses_N < others_N, others_N < losses_N)
    content |= {"only_first": first, "only_second": second, "p": p, **to_dict(intervals)}
    return content


def tell(sides: Sequence[Side], content: Mapping[str, Any]) -> None:
    title = f"Two runs on {counted(content['images'], 'test image')}"
    table = console.table(title, ("", "1", "2", "2 less 1", "95 % interval"), left=("",), no_wrap=True)
    for name, (one, other) in content["metrics"].items():
        ends = content["intervals"][name]
        interval = "{:+.4f} to {:+.4f}".format(*ends) if ends else "none"
        figures = (f"{one:.4f}", f"{other:.4f}", f"{other - one:+.4f}", interval)
        table.add_row(name, *(text.replace("-", "−") for text in figures))
    for place, side in enumerate(sides, start=1):
        log.info("%d: %s", place, side.trained.name)
    console.print(table)
    for line in interval_notes(content["intervals"], content["interval_methods"]):
        log.info("%s", line)
    classifier = sides[0].found.predictions.has_classes
    log.info(
        "%s only 1 %s, %s only 2: p = %s in %s of no difference between these two nets; "
        "trained again, they may differ otherwise.",
        counted(content["only_first"], "image"),
        "got right" if classifier else "redrew the better",
        f"{content['only_second']:,}",
        number(content["p"]),
        "McNemar's exact test" if classifier else "the sign test",
    )


def _names(both: Sequence[LoadedRun]) -> list[str]:
    return [f"{place}: {trained.name}" for place, trained in enumerate(both, start=1)]


def draw_curves(folder: Path, both: Sequence[LoadedRun]) -> None:
    curves = []
    for trained in both:
        rows = trained.run.rows() if trained.run else []
        if not rows:
            log.info("No learning curves: %s has no metrics.csv.", trained.name)
            return
        curves.append(rows)
    write_png(folder / "curves.png", compared_curves(curves, _names(both), title="Learning curves"))


def draw_likeness(folder: Path, sides: Sequence[Side], values_PQ: np.ndarray) -> None:
    count = min(len(sides[0].split), IMAGES)
    if not values_PQ.size:
        why = f"only {counted(count, 'test image')}" if count < LEAST else "a net has no such layers"
        log.info("No map of how alike the layers see: %s.", why)
        return
    rows, columns = (list(side.layers) for side in sides)
    note = f"debiased linear CKA, {counted(count, 'test image')}{' (few: rough)' if count < FEW else ''}; "
    note += "1: the same up to rotation and scale, 0: unrelated"
    names = _names([side.trained for side in sides])
    picture = likeness_map(values_PQ, rows, columns, names, title="How alike their layers see", note=note)
    write_png(folder / "layers.png", picture)
    table = [
        {"layer": name, **dict(zip(columns, row, strict=True))}
        for name, row in zip(rows, values_PQ.tolist(), strict=True)
    ]
    write_csv(folder / "layers.csv", table)


def write_disagreements(folder: Path, sides: Sequence[Side]) -> None:
    """Those images, of which both are surest first, as a table and the first of them as a picture."""
    one, other = (side.found.predictions for side in sides)
    index_N = torch.nonzero(one.predicted != other.predicted).flatten()
    sure_N = (one.confidence * other.confidence)[index_N]
    index_N = index_N[sure_N.argsort(descending=True, stable=True)]
    spec, split = sides[0].trained.spec, sides[0].split
    rows: list[dict[str, Any]] = []
    for place in index_N.tolist():
        row = {"file": split.files[place], "class": spec.classes[int(one.labels_N[place])]}
        for name, found in (("first", one), ("second", other)):
            row[name] = spec.classes[int(found.predicted[place])]
            row[f"{name}_confidence"] = float(found.confidence[place])
        rows.append(row)
    columns = ("file", "class", "first", "first_confidence", "second", "second_confidence")
    write_csv(folder / "disagreements.csv", rows, columns)
    shown = split.subset(index_N[:SHOWN])
    note = ["below each its true class, then what 1 and 2 say of it, the surest first"]
    picture = image_grid(
        pixels(spec, shown.images()),
        [_caption(row) for row in rows[:SHOWN]],
        title=f"Where they disagree: {len(rows):,} of {counted(len(one), 'test image')}",
        note="\n".join([*note, *_names([side.trained for side in sides])]),
        files=["/".join(Path(file).parts[-2:]) for file in shown.files],
    )
    write_png(folder / "disagreements.png", picture)


def _caption(row: Mapping[str, Any]) -> str:
    lines = [str(row["class"])]
    for place, name in enumerate(("first", "second"), start=1):
        mark = "✓" if row[name] == row["class"] else "✗"
        lines.append(f"{place} {mark} {row[name]} {row[f'{name}_confidence']:.2f}")
    return "\n".join(lines)


def draw_redrawn(folder: Path, sides: Sequence[Side]) -> None:
    """Every image's errors as a table; as a picture, the images that an autoencoder redraws the better."""
    errors_2N = np.stack([side.found.predictions.values["loss"].numpy() for side in sides])
    rows = [
        {"file": file, "first": first, "second": second}
        for file, first, second in zip(sides[0].split.files, *errors_2N.tolist(), strict=True)
    ]
    write_csv(folder / "errors.csv", rows)
    groups = {}
    for place in (0, 1):
        gain_N = errors_2N[1 - place] - errors_2N[place]
        index_N = np.argsort(-gain_N, kind="stable")[:REDRAWN]
        index_N = index_N[gain_N[index_N] > 0]
        index = torch.from_numpy(index_N)
        originals = pixels(sides[0].trained.spec, sides[0].split.images(index))
        groups[f"{place + 1} is better"] = (
            originals,
            _redrawn(sides[0], index),
            _redrawn(sides[1], index),
            errors_2N[:, index_N],
        )
    names = _names([side.trained for side in sides])
    write_png(folder / "redrawn.png", compared_reconstructions(groups, names, title="Where they differ most"))


def _redrawn(side: Side, index_M: Tensor) -> np.ndarray:
    predictor = side.trained.predictor()
    redrawn_MCHW = predictor.run(predictor.inputs(side.split.images(index_M)))
    return redrawn_MCHW.clamp(0, 1).permute(0, 2, 3, 1).cpu().numpy()


def write_options(folder: Path, both: Sequence[LoadedRun]) -> None:
    """Options that are not the same, as a file and a table."""
    found = list(option_differences(both[0].config, both[1].config))
    columns = ("option", "first", "second")
    write_csv(folder / "options.csv", [dict(zip(columns, row, strict=True)) for row in found], columns)
    if not found:
        log.info("All options are the same.")
        return
    table = console.table("What was set otherwise", ("option", "1", "2"), overflow="fold")
    for row in found[:OPTIONS]:
        table.add_row(*(Text(plain(value)) for value in row))
    console.print(table)
    if len(found) > OPTIONS:
        log.info("… and %d more in options.csv.", len(found) - OPTIONS)
