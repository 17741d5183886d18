"""Evaluation of a run's checkpoints: metrics with their intervals, by class, by confidence, by image."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from pellucid.commands.adjusted import adjusted_facts, adjusted_row, captions, print_adjusted
from pellucid.config.command import DataOverride, PathText, Unless
from pellucid.data.base import ImageData
from pellucid.draw.calibration import draw_calibration, draw_calibrations
from pellucid.draw.confusion import draw_confusion
from pellucid.draw.curves import draw_curves
from pellucid.draw.formats import in_formats
from pellucid.draw.grid import image_grid
from pellucid.draw.labels import draw_labels
from pellucid.draw.numbers import draw_numbers
from pellucid.draw.png import write_png
from pellucid.draw.risk_coverage import draw_risk_coverage
from pellucid.engine.adjusted import Adjusted, adjusted
from pellucid.engine.adjusted import check as check_adjusted
from pellucid.engine.evaluation import Evaluation, evaluation
from pellucid.engine.intervals import Interval, interval_notes, to_dict
from pellucid.engine.loaded_run import LoadedRun, find, restore
from pellucid.engine.temperature import load as load_temperatures
from pellucid.errors import UserError, counted, plain
from pellucid.inside.images import short
from pellucid.inside.pixels import pixels
from pellucid.inside.tta import check_tta
from pellucid.metrics.confusion import Confusion
from pellucid.metrics.imbalance import describe_imbalance, is_imbalanced
from pellucid.metrics.predictions import Predictions
from pellucid.system.console import console
from pellucid.system.files import write_atomically, write_csv
from pellucid.system.number_text import metric
from pellucid.view.calibration import calibration
from pellucid.view.confusion import confusion
from pellucid.view.curves import curves
from pellucid.view.labels import label_calibration, labels
from pellucid.view.mistakes import mistakes
from pellucid.view.numbers import numbers
from pellucid.view.predictions import image_rows, name_classes
from pellucid.view.risk_coverage import risk_coverage

log = logging.getLogger(__name__)

MAX_MISTAKES = 24
MAX_CLASSES = 30  # in the console's table


@in_formats
def evaluate(
    run: PathText,
    *,
    checkpoint: PathText = "best",
    split: Literal["train", "val", "test"] = "test",
    trained_on: Literal["leave_out", "count"] = "leave_out",
    tta: Annotated[
        Literal["none", "flip", "five", "ten"],
        Unless("checkpoint", "all", "checkpoint=all is of plain figures"),
    ] = "none",
    calibrate: Annotated[bool, Unless("checkpoint", "all", "checkpoint=all is of plain figures")] = False,
    data: DataOverride | None = None,
    accelerator: str = "auto",
    packages: Sequence[str] = (),
    figures: Literal["png", "pdf", "svg"] | Sequence[Literal["png", "pdf", "svg"]] = "png",
    out: PathText | None = None,
) -> list[dict[str, Any]]:
    """Evaluation of a run's checkpoints, printed and written; one row of metrics for each checkpoint.

    ``run``: a run folder or a checkpoint. ``checkpoint``: best, last, all, or a path. ``trained_on``:
    leave_out or count val and test images that the net was trained on. ``tta``: what the mean over several
    versions of each image changes, see ``versions``. ``calibrate``: fit a temperature on validation, keep it
    with the run, wherever files go, and say what it changes. Files go to ``evaluation/`` of the run folder,
    or to ``out``: of plain figures to ``best_test``, of others to ``best_test_flip_calibrated``. Raises
    UserError.
    """
    if trained_on not in ("leave_out", "count"):
        raise UserError(f"trained_on={trained_on}: expected leave_out or count.")
    if split not in ("train", "val", "test"):
        raise UserError(f"split={split}: expected train, val or test.")
    check_tta(tta)
    if checkpoint == "all" and (tta != "none" or calibrate):
        raise UserError(
            "checkpoint=all is of plain figures: leave tta and calibrate out, or name a checkpoint."
        )
    if checkpoint == "all":
        load_data = partial(LoadedRun.data, override=data, count_trained=trained_on == "count")
        return _evaluate_all(run, accelerator=accelerator, packages=packages, load_data=load_data, out=out)
    trained = restore(run, checkpoint=checkpoint, accelerator=accelerator, packages=packages)
    check_adjusted(trained, tta=tta, calibrate=calibrate)
    folder = trained.output_folder(out, "evaluation") / f"{trained.checkpoint.stem}_{split}"
    images = trained.data(data, count_trained=trained_on == "count")
    images.split(split)
    names = dict.fromkeys(name for name in ("val", split) if name in images.splits)
    evaluations: dict[str, Evaluation] = {
        name: evaluation(trained, images, name, keep_outputs=calibrate) for name in names
    }
    row = _row(trained, evaluations)
    seed = trained.config["seed"]
    intervals = evaluations[split].intervals(seed)
    if tta == "none" and not calibrate:
        added, found, found_intervals = None, evaluations[split], intervals
    else:
        added = adjusted(trained, images, split, evaluations, tta=tta, calibrate=calibrate)
        folder = folder.with_name(f"{folder.name}{added.suffix}")
        found, found_intervals = added.evaluation, added.evaluation.intervals(seed)
        row |= adjusted_row(added, split)
    _write(folder, trained, images, found, split, found_intervals, added)
    console.print(_summary(trained, evaluations, intervals))
    for line in interval_notes(*to_dict(intervals).values()):
        log.info("%s", line)
    if added:
        print_adjusted(added, split)
    _print_outputs(found.predictions, trained, added.text if added else "")
    log.info("%s of %s.", counted(len(found.predictions), f"{split} image"), images.source)
    if not calibrate and load_temperatures(trained.folder):
        log.info(
            "Without the temperature that is kept with the run, which predict, explain and export use: "
            "calibrate=true shows what it changes."
        )
    log.info("Written: %s", folder)
    return [row]


def _print_outputs(predictions: Predictions, trained: LoadedRun, how: str) -> None:
    """How well each class, label or number is told; ``how``: with which additions to the net."""
    names = trained.spec.classes
    if predictions.has_classes:
        counts_K = trained.class_counts()
        if counts_K is not None and not is_imbalanced(counts_K):
            counts_K = None
        if counts_K is not None:
            log.info("%s", describe_imbalance(counts_K, names))
        console.print_table(_class_table(confusion(predictions, names), counts_K, how))
    elif predictions.has_labels:
        scores = labels(predictions, names)
        console.print_table(
            _output_table("label", names, scores.heads, scores.texts, scores.average_precision_K, how)
        )
    elif predictions.has_numbers and len(names) > 1:
        found = numbers(predictions, names).scores
        console.print_table(_output_table("number", names, found.heads, found.texts, found.r2_K, how))


def _evaluate_all(
    source: str,
    *,
    accelerator: str,
    packages: Sequence[str],
    load_data: Callable[[LoadedRun], ImageData],
    out: str | None,
) -> list[dict[str, Any]]:
    run, _ = find(source, "last")
    if run is None:
        raise UserError(f"checkpoint=all needs a run folder; {source} is a checkpoint alone.")
    rows, images = [], None
    for path in run.kept_checkpoints():
        trained = restore(run.folder, checkpoint=str(path), accelerator=accelerator, packages=packages)
        folder = trained.output_folder(out, "evaluation")
        images = images or load_data(trained)
        rows.append(_row(trained, {name: evaluation(trained, images, name) for name in images.splits}))
    write_csv(folder / "checkpoints.csv", rows)
    curve = [row for row in rows if row["checkpoint"].startswith("epoch_")] or rows
    curve = sorted({row["epoch"]: row for row in curve}.values(), key=lambda row: row["epoch"])
    title = f"{'/'.join(run.folder.parts[-2:])}, every kept checkpoint, in evaluation mode"
    write_png(folder / "checkpoints.png", draw_curves(curves(curve).metrics, title=title))
    console.print_table(_table(rows, images.source if images else ""))
    log.info("Written: %s", folder)
    return rows


def _row(trained: LoadedRun, evaluations: Mapping[str, Evaluation]) -> dict[str, Any]:
    row: dict[str, Any] = {"checkpoint": trained.checkpoint.name, "epoch": trained.epoch}
    for split, evaluated in evaluations.items():
        row |= {f"{split}/{name}": value for name, value in evaluated.metrics.items()}
    return row


def _write(
    folder: Path,
    trained: LoadedRun,
    data: ImageData,
    evaluated: Evaluation,
    split: str,
    intervals: Mapping[str, Interval],
    added: Adjusted | None,
) -> None:
    """``metrics.json``, ``images.csv`` and pictures."""
    classes = trained.spec.classes
    predictions = evaluated.predictions
    how = added.text if added else ""
    where = f"{counted(len(predictions), f'{split} image')} of {data.source}{how}"
    files = data.splits[split].files
    content: dict[str, Any] = {
        "run": str(trained.folder),
        "checkpoint": trained.checkpoint.name,
        "epoch": trained.epoch,
        "data": data.source,
        "split": split,
        "images": len(predictions),
        "metrics": dict(evaluated.metrics),
        "changed_since_training": data.divided.changes.counts(),
        "trained_on": list(data.divided.trained_on.get(split, [])),
        **to_dict(intervals),
        **(adjusted_facts(added) if added else {}),
    }
    if predictions.has_classes:
        matrix = confusion(predictions, classes)
        head = ("class", "precision", "recall", "f1", "images")
        by_class = [(name, *matrix.texts(label)) for label, name in enumerate(classes)]
        rows: list[dict[str, Any]] = [dict(zip(head, row, strict=True)) for row in by_class]
        if (counts_K := trained.class_counts()) is not None:
            rows = [{**row, "train_images": n} for row, n in zip(rows, counts_K.tolist(), strict=True)]
        write_csv(folder / "classes.csv", rows)
        note = (
            f"{where}, accuracy {evaluated.metrics['accuracy']:.4f}; colour: share of the true class's images"
        )
        write_png(folder / "confusion.png", draw_confusion(matrix, title=trained.name, note=note))
        bins = calibration(predictions)
        content["ece"] = bins.ece
        title = f"Calibration of {trained.name}"
        if added is None or added.temperature is None:
            diagram = draw_calibration(bins, title=title, note=where)
        else:
            before = calibration(added.uncalibrated.predictions)
            diagram = draw_calibrations(before, bins, title=title, note=where, captions=captions(added))
        write_png(folder / "calibration.png", diagram)
        curve = risk_coverage(predictions)
        content["aurc"] = curve.aurc
        picture = draw_risk_coverage(curve, title=f"Risk and coverage of {trained.name}", note=where)
        write_png(folder / "risk_coverage.png", picture)
        _write_mistakes(folder, trained, data, predictions, split, how)
    elif predictions.has_labels:
        content["ece"] = _write_labels(folder, trained, predictions, where, added)
    elif predictions.has_numbers:
        _write_numbers(folder, trained, predictions, where)
    if predictions.has_labels or predictions.has_numbers:
        _write_worst(folder, trained, data, predictions, split, how)
    write_csv(folder / "images.csv", image_rows(files, predictions, classes))
    write_atomically(folder / "metrics.json", json.dumps(content, indent=2).encode())


def _write_labels(
    folder: Path, trained: LoadedRun, predictions: Predictions, where: str, added: Adjusted | None
) -> float:
    """``labels.csv``, how well each is told, and calibration of all pooled; the calibration error."""
    scores = labels(predictions, trained.spec.classes)
    rows = [(name, *scores.texts(label)) for label, name in enumerate(trained.spec.classes)]
    write_csv(folder / "labels.csv", [dict(zip(("label", *scores.heads), row, strict=True)) for row in rows])
    write_png(folder / "labels.png", draw_labels(scores, title=trained.name, note=where))
    bins = label_calibration(predictions)
    names = ("probability of a label", "share with it")
    title, note = f"Calibration of {trained.name}", f"{where}, all labels pooled"
    if added is None or added.temperature is None:
        diagram = draw_calibration(bins, title=title, note=note, names=names)
    else:
        before = label_calibration(added.uncalibrated.predictions)
        said = captions(added)
        diagram = draw_calibrations(before, bins, title=title, note=note, captions=said, names=names)
    write_png(folder / "calibration.png", diagram)
    return bins.ece


def _write_numbers(folder: Path, trained: LoadedRun, predictions: Predictions, where: str) -> None:
    """``numbers.csv``, and predicted against true."""
    found = numbers(predictions, trained.spec.classes)
    rows = [
        {"number": name, "mae": mae, "rmse": rmse, "mean_error": bias, "r2": r2}
        for name, mae, rmse, bias, r2 in zip(
            found.scores.names,
            *(values_K.tolist() for values_K in found.scores.columns),
            strict=True,
        )
    ]
    write_csv(folder / "numbers.csv", rows)
    title = f"Predicted against true, {trained.name}"
    picture = draw_numbers(found.predicted_NK, found.true_NK, found.scores, title=title, note=where)
    write_png(folder / "numbers.png", picture)


def _write_worst(
    folder: Path, trained: LoadedRun, data: ImageData, predictions: Predictions, split: str, how: str
) -> None:
    """The images with the largest loss."""
    worst = predictions.worst(MAX_MISTAKES)
    rows = data.splits[split].subset(worst.index_N)
    said = name_classes(worst, trained.spec.classes)
    note = "predicted labels, probability (true labels)" if worst.has_labels else "predicted (true)"
    picture = image_grid(
        pixels(trained.spec, rows.images()),
        said.captions,
        title=f"Largest losses of {trained.name}",
        note=f"{note}; {counted(len(predictions), f'{split} image')}{how}",
        right=said.right,
        files=[short(file) for file in rows.files],
    )
    write_png(folder / "worst.png", picture)


def _write_mistakes(
    folder: Path, trained: LoadedRun, data: ImageData, predictions: Predictions, split: str, how: str
) -> None:
    worst = mistakes(predictions, trained.spec.classes, MAX_MISTAKES)
    rows = data.splits[split].subset(worst.index_N)
    write_png(
        folder / "mistakes.png",
        image_grid(
            pixels(trained.spec, rows.images()),
            worst.images.captions,
            title=f"Most confident mistakes of {trained.name}",
            note=trained.spec.noted(
                "predicted class, confidence (true class); "
                f"{counted(worst.total, 'mistake')} in {counted(len(predictions), f'{split} image')}{how}"
            ),
            right=worst.images.right,
            files=[short(file) for file in rows.files],
        ),
    )


def _summary(
    trained: LoadedRun, evaluations: Mapping[str, Evaluation], intervals: Mapping[str, Interval]
) -> Table:
    """Each metric on validation and on the split, with its interval there."""
    table = console.table(trained.name, ("",))
    for name in evaluations:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("95 % interval", justify="right", no_wrap=True)
    for name, interval in intervals.items():
        values = (metric(each.metrics[name]) for each in evaluations.values())
        table.add_row(name, *values, " to ".join(map(metric, interval.ends)) if interval.ends else "none")
    return table


def _class_table(matrix: Confusion, counts_K: np.ndarray | None = None, how: str = "") -> Table:
    """Precision, recall and F1 of each class that has images; of many, the worst. With training images."""
    scores, classes = matrix.scores, matrix.classes
    labels = np.flatnonzero(scores.images_K).tolist()
    title = "By class"
    if len(labels) > MAX_CLASSES:
        title = f"The {MAX_CLASSES} worst of {counted(len(labels), 'class')}"
        labels = sorted(labels, key=lambda label: np.nan_to_num(scores.f1_K[label]))[:MAX_CLASSES]
    trained = () if counts_K is None else ("trained on",)
    table = console.table(
        f"{title}{how}", ("class", "precision", "recall", "F1", "images", *trained), left=("class",)
    )
    for label in labels:
        counts = () if counts_K is None else (f"{counts_K[label]:,}",)
        table.add_row(Text(plain(classes[label])), *matrix.texts(label), *counts)
    return table


def _output_table(
    kind: str,
    names: Sequence[str],
    heads: Sequence[str],
    texts: Callable[[int], Sequence[str]],
    quality_K: np.ndarray,
    how: str = "",
) -> Table:
    """Of each label or number how well it is told; of many, the worst."""
    title, shown = f"By {kind}", list(range(len(names)))
    if len(names) > MAX_CLASSES:
        title = f"The {MAX_CLASSES} worst of {counted(len(names), kind)}"
        shown = np.argsort(np.nan_to_num(quality_K, nan=2.0), kind="stable")[:MAX_CLASSES].tolist()
    table = console.table(f"{title}{how}", (kind, *heads), left=(kind,))
    for index in shown:
        table.add_row(Text(plain(names[index])), *texts(index))
    return table


def _table(rows: Sequence[Mapping[str, Any]], title: str) -> Table:
    """Narrow enough for three splits in a console of 80 columns."""
    heads = [name.replace("/", "\n") for name in rows[0]]
    form: dict[str, Any] = {"box": SIMPLE_HEAD, "padding": (0, 1, 0, 0)}
    table = console.table(title, heads, left=("checkpoint",), overflow="fold", **form)
    for column in table.columns:
        column.vertical = "bottom"
    for row in rows:
        table.add_row(*(metric(v) if isinstance(v, float) else str(v) for v in row.values()))
    return table
