"""Predictions of a trained net for image files."""

from __future__ import annotations

import itertools
import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from rich.table import Table
from rich.text import Text
from torch import Tensor

from pellucid.config.command import OnlyIf, PathText, Within
from pellucid.data.pictures import Pictures, check_folders, find_base, find_pictures
from pellucid.engine.loaded_run import LoadedRun, restore
from pellucid.engine.temperature import Temperature
from pellucid.engine.threshold import check_threshold, choose_threshold, facts, told
from pellucid.errors import UserError, counted, plain
from pellucid.inside.predictor import Predictor
from pellucid.inside.tta import check_tta
from pellucid.system.console import console
from pellucid.system.files import write_atomically, write_csv
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
    tta: Literal["none", "flip", "five", "ten"] = "none",
    calibrate: bool = True,
    threshold: Annotated[float | Literal["auto"] | None, Within(0, 1)] = None,
    risk: Annotated[
        float, OnlyIf("threshold", "auto", "it is what threshold=auto keeps below"), Within(0, 1)
    ] = 0.05,
    accelerator: str = "auto",
    packages: Sequence[str] = (),
    out: PathText | None = None,
) -> list[dict[str, Any]]:
    """Class and confidence of each image, its labels or numbers, or an autoencoder's error; a table and a CSV
    file.

    ``run``: a run folder or a checkpoint. ``images``: a file, a folder or a pattern. ``top``: so many classes
    of each image. ``tta``: on several versions of each image, see ``versions``. ``calibrate``: at the
    temperature that is kept with the run, if one is. ``threshold``: of the confidence, below which an image
    gets no class; auto: a low one of which at most ``risk`` of the answers are wrong, see
    ``guaranteed_threshold``. Files that cannot be read are named, the others done. Raises UserError; at the
    end where folders could not be looked into.
    """
    if top < 1:
        raise UserError(f"top={top}: expected at least 1.")
    check_tta(tta)
    files = find_pictures(images)
    trained = restore(run, checkpoint=checkpoint, accelerator=accelerator, packages=packages)
    path = trained.output_folder(out, "predictions")
    pictures = Pictures(files, trained.spec.image_shape, trained.spec.values, trained.spec.fit)
    temperature = trained.temperature(tta) if calibrate else None
    predictor, batch_size = trained.predictor(tta=tta, temperature=temperature), trained.batch_size
    limit = _Limit(trained, predictor, threshold, risk, tta, temperature)
    rows: list[dict[str, Any]] = []
    batches = pictures.batches(batch_size)
    steps = -(-len(files) // batch_size)
    for batch, pixels_BCHW in console.track(batches, "Looking", steps):
        predicted = _predicted(trained, predictor, pixels_BCHW, top, limit.value)
        rows += [{"file": str(file), **values} for file, values in zip(batch, predicted, strict=True)]
    if tta != "none":
        rows = [{**row, "tta": tta} for row in rows]
    unreadable = [
        {"file": str(file), "error": why} | ({} if threshold is None else {"abstained": True})
        for file, why in pictures.unreadable.items()
    ]
    pictures.tell()
    if not rows:
        raise UserError(f"images={images}: {counted(len(files), 'file')}, no image that can be read.")
    write_csv(path / "predictions.csv", [*rows, *unreadable])
    facts = {"run": str(trained.folder), "checkpoint": trained.checkpoint.name, "epoch": trained.epoch}
    facts |= {"images": len(rows), "unreadable": len(unreadable), "tta": tta, **limit.facts(rows)}
    write_atomically(path / "predictions.json", json.dumps(facts, indent=2).encode())
    base = find_base(images)
    shown = [{**row, "file": os.path.relpath(row["file"], base)} for row in rows[:MAX_SHOWN]]
    name = trained.name if tta == "none" else f"{trained.name}, tta={tta}"
    console.print_table(_table(shown, title=f"{name}: {counted(len(rows), 'image')}"))
    if len(rows) > MAX_SHOWN:
        log.info("… and %d more.", len(rows) - MAX_SHOWN)
    limit.tell(rows)
    log.info("Written: %s", path / "predictions.csv")
    check_folders(pictures.unreadable)
    return rows


class _Limit:
    """The threshold of confidence below which an image gets no class; ``value`` is None without one.

    Raises UserError for one that fits no run like this.
    """

    def __init__(
        self,
        trained: LoadedRun,
        predictor: Predictor,
        threshold: float | str | None,
        risk: float,
        tta: str,
        temperature: Temperature | None,
    ) -> None:
        self.temperature, self.value, self.chosen = temperature, None, None
        if threshold is None:
            return
        if not predictor.has_classes:
            kind = (
                "its labels have a threshold each, kept with the net"
                if predictor.has_labels
                else "it has none"
            )
            raise UserError(f"threshold={threshold}: of a run that predicts one class an image; {kind}.")
        check_threshold(threshold, risk, len(trained.spec.classes))
        self.chosen = choose_threshold(trained, threshold, risk=risk, tta=tta, temperature=temperature)
        trained.task.to(predictor.device)  # evaluation has left it on the CPU
        self.value = self.chosen.threshold if self.chosen else float(threshold)

    def facts(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Of the file beside the table."""
        temperature = None if self.temperature is None else self.temperature.temperature
        found: dict[str, Any] = {"temperature": temperature, "threshold": self.value}
        if self.value is not None:
            found["abstained"] = sum(row["abstained"] for row in rows)
        return found | ({"on_validation": facts(self.chosen)} if self.chosen else {})

    def tell(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """What the confidences are, and how many images got no class."""
        if self.temperature is not None:
            log.info(
                "Probabilities are calibrated, %s of %s; calibrate=false shows the net's own.",
                *(self.temperature.text, counted(self.temperature.images, "validation image")),
            )
        if self.chosen is not None:
            log.info("%s", told(self.chosen, self.temperature))
        if self.value is not None:
            abstained = sum(row["abstained"] for row in rows)
            log.info("%d of %s get no class.", abstained, counted(len(rows), "image"))


def _predicted(
    trained: LoadedRun, predictor: Predictor, pixels_BCHW: Tensor, top: int, threshold: float | None
) -> Iterator[dict[str, Any]]:
    """Predictions of each image: the ``top`` classes and their probabilities, or what the task has else.

    With a ``threshold``: ``class`` is None where the image is not so sure, which ``abstained`` says;
    ``likeliest`` is the class that it would have got.
    """
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
    confidences = predictions["confidence"].double().tolist()
    found = likeliest(predictions["probabilities"], trained.spec.classes, top)
    for classes, confidence in zip(found, confidences, strict=True):
        row: dict[str, Any] = {}
        for rank, (name, probability) in enumerate(classes, start=1):
            number = "" if rank == 1 else f"_{rank}"
            row |= {f"class{number}": name, f"confidence{number}": round(probability, 6)}
            if rank == 1 and threshold is not None:
                abstained = not confidence >= threshold
                row |= {"class": None if abstained else name, "abstained": abstained, "likeliest": name}
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
            Text.assemble(_class_of(row, suffix), (f" {row[f'confidence{suffix}']:.4f}", "dim"))
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


def _class_of(row: Mapping[str, Any], suffix: str) -> str | tuple[str, str]:
    """``cat``, or ``abstained: cat`` of an image that got no class."""
    if not suffix and row.get("abstained"):
        return plain(f"abstained: {row['likeliest']}"), "dim"
    return plain(row[f"class{suffix}"])


def _that_fit(files: Sequence[Text], columns: Mapping[str, Sequence[Text]]) -> list[str]:
    """The first columns, one at least, that the console has room for beside the files."""
    widths = [3 + max(cell.cell_len for cell in cells) for cells in (files, *columns.values())]
    room = itertools.accumulate(widths)
    fit = sum(width < console.width for width in room) - 1
    return list(columns)[: max(1, fit)]
