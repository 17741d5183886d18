"""Predictions of a trained net for image files."""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text
from torch import Tensor

from pellucid.config.command import PathText
from pellucid.data.pictures import Pictures, check_folders, find_base, find_pictures
from pellucid.engine.loaded_run import LoadedRun, restore
from pellucid.errors import UserError, counted, plain
from pellucid.inside.predictor import Predictor
from pellucid.system.console import console
from pellucid.system.files import write_csv
from pellucid.system.number_text import number
from pellucid.view.predictions import likeliest, output_columns

log = logging.getLogger(__name__)

MAX_SHOWN = 20  # rows in the console's table; all are in the file


def predict(
    run: PathText,
    *,
    images: PathText,
    checkpoint: PathText = "best",
    top: int = 5,
    accelerator: str = "auto",
    packages: Sequence[str] = (),
    out: PathText | None = None,
) -> list[dict[str, Any]]:
    """Class and confidence of each image, its labels or numbers, or an autoencoder's error; a table and a CSV
    file.

    ``run``: a run folder or a checkpoint. ``images``: a file, a folder or a pattern. ``top``: so many classes
    of each image. Files that cannot be read are named, the others done. Raises UserError; at the end where
    folders could not be looked into.
    """
    if top < 1:
        raise UserError(f"top={top}: expected at least 1.")
    files = find_pictures(images)
    trained = restore(run, checkpoint=checkpoint, accelerator=accelerator, packages=packages)
    path = trained.output_folder(out, "predictions")
    pictures = Pictures(files, trained.spec.image_shape, trained.spec.values, trained.spec.fit)
    predictor, batch_size = trained.predictor(), trained.batch_size
    rows: list[dict[str, Any]] = []
    batches = pictures.batches(batch_size)
    steps = -(-len(files) // batch_size)
    for batch, pixels_BCHW in console.track(batches, "Looking", steps):
        predicted = _predicted(trained, predictor, pixels_BCHW, top)
        rows += [{"file": str(file), **values} for file, values in zip(batch, predicted, strict=True)]
    unreadable = [{"file": str(file), "error": why} for file, why in pictures.unreadable.items()]
    pictures.tell()
    if not rows:
        raise UserError(f"images={images}: {counted(len(files), 'file')}, no image that can be read.")
    write_csv(path / "predictions.csv", [*rows, *unreadable])
    base = find_base(images)
    shown = [{**row, "file": os.path.relpath(row["file"], base)} for row in rows[:MAX_SHOWN]]
    console.print_table(_table(shown, title=f"{trained.name}: {counted(len(rows), 'image')}"))
    if len(rows) > MAX_SHOWN:
        log.info("… and %d more.", len(rows) - MAX_SHOWN)
    log.info("Written: %s", path / "predictions.csv")
    check_folders(pictures.unreadable)
    return rows


def _predicted(
    trained: LoadedRun, predictor: Predictor, pixels_BCHW: Tensor, top: int
) -> Iterator[dict[str, Any]]:
    """Predictions of each image: the ``top`` classes and their probabilities, or what the task has else."""
    predictions = predictor.predictions(predictor.inputs(pixels_BCHW))
    if predictor.has_labels or predictor.has_numbers:
        yield from output_columns(predictions, trained.spec.classes)
        return
    if "probabilities" not in predictions:
        numbers = {name: values_B.tolist() for name, values_B in predictions.items() if values_B.ndim == 1}
        if not numbers:
            kind = type(trained.task).__name__
            raise UserError(
                f"{kind} predicts nothing of an image. Write in the class what its output says: "
                "def predictions(self, images_BCHW, output, labels_B=None) -> dict[str, Tensor]."
            )
        yield from (dict(zip(numbers, row, strict=True)) for row in zip(*numbers.values(), strict=True))
        return
    for classes in likeliest(predictions["probabilities"], trained.spec.classes, top):
        row: dict[str, Any] = {}
        for rank, (name, probability) in enumerate(classes, start=1):
            number = "" if rank == 1 else f"_{rank}"
            row |= {f"class{number}": name, f"confidence{number}": round(probability, 6)}
        yield row


def _table(rows: list[dict[str, Any]], title: str) -> Table:
    table = console.table(title, ("file",), overflow="fold")
    if "labels" in rows[0]:
        table.add_column("labels", overflow="fold")
        for row in rows:
            scores = [f"{name} {row[name]:.2f}" for name in row["labels"].split(", ") if name in row]
            table.add_row(Text(plain(row["file"])), Text(plain(", ".join(scores) or "none")))
        return table
    if "class" not in rows[0]:
        names = [name for name in rows[0] if name != "file"]
        for name in names:
            table.add_column(name, justify="right")
        for row in rows:
            table.add_row(Text(plain(row["file"])), *(number(row[name], digits=6) for name in names))
        return table
    suffixes = ["", *(name.removeprefix("class") for name in rows[0] if name.startswith("class_"))]
    columns = {
        suffix: [
            Text.assemble(plain(row[f"class{suffix}"]), (f" {row[f'confidence{suffix}']:.4f}", "dim"))
            for row in rows
        ]
        for suffix in suffixes
    }
    files = [Text(plain(row["file"])) for row in rows]
    suffixes_shown = _that_fit(files, columns)
    if len(suffixes_shown) < len(suffixes):
        table.title = f"{title}, {len(suffixes_shown)} of {len(suffixes)} classes (all in the file)"
    for suffix in suffixes_shown:
        table.add_column(f"then {suffix[1:]}" if suffix else "class", overflow="fold")
    for cells in zip(files, *(columns[suffix] for suffix in suffixes_shown), strict=True):
        table.add_row(*cells)
    return table


def _that_fit(files: Sequence[Text], columns: Mapping[str, Sequence[Text]]) -> list[str]:
    """The first columns, one at least, that the console has room for beside the files."""
    widths = [3 + max(cell.cell_len for cell in cells) for cells in (files, *columns.values())]
    room = itertools.accumulate(widths)
    fit = sum(width < console.width for width in room) - 1
    return list(columns)[: max(1, fit)]
