"""The units of a layer of a trained net: what excites each, how often it fires, whether it is dead."""

from __future__ import annotations

import io
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from rich.text import Text

from pellucid.config.command import DataOverride, NameText, OnlyIf, PathText
from pellucid.data.stream import Stream, of_files, of_split
from pellucid.draw.formats import in_formats
from pellucid.draw.png import write_png
from pellucid.draw.sheet import Picture
from pellucid.draw.units import UnitRow, unit_sheet
from pellucid.engine.loaded_run import LoadedRun, restore
from pellucid.errors import UserError, plain
from pellucid.inside.images import UNKNOWN
from pellucid.inside.pixels import to_pixels
from pellucid.inside.predictor import Predictor
from pellucid.inside.trace import traced
from pellucid.inside.units import UnitLayer, find_units
from pellucid.system.console import console
from pellucid.system.files import write_atomically, write_csv
from pellucid.system.number_text import number
from pellucid.view.units import FINDING, LOOKING, MAKING, UnitStudy, study_units

log = logging.getLogger(__name__)

BATCH_SIZE = 32
UNITS_PER_SHEET = 8


@in_formats
def units(
    run: PathText,
    *,
    layer: NameText = "auto",
    units: Literal["auto"] | int | Sequence[int] = "auto",
    count: Annotated[int, OnlyIf("units", "auto", "units=… names them")] = 16,
    split: Annotated[
        Literal["train", "val", "test"], OnlyIf("images", None, "images=… stand in place of a split")
    ] = "test",
    images: PathText | None = None,
    data: DataOverride | None = None,
    steps: int = 128,
    seed: int = 0,
    checkpoint: PathText = "best",
    accelerator: str = "auto",
    packages: Sequence[str] = (),
    figures: Literal["png", "pdf", "svg"] | Sequence[Literal["png", "pdf", "svg"]] = "png",
    out: PathText | None = None,
) -> list[dict[str, Any]]:
    """Pictures of a layer's units, a table, and all that is known of each as files; the table's rows.

    ``run``: a run folder or a checkpoint. ``layer``: a name of ``named_modules``, or auto. ``units``: the
    numbers of those that are drawn, or auto: the first ``count``. ``images``: files to look at in place of
    the ``split``. ``steps``, ``seed``: of the images that are made to excite a unit. Files go to
    ``units/<layer>/`` of the run folder, or of ``out``. Raises UserError.
    """
    _check(count, split, steps)
    loaded = restore(run, checkpoint=checkpoint, accelerator=accelerator, packages=packages)
    base = loaded.output_folder(out, "units")
    predictor = loaded.predictor()
    trace = traced(loaded.net, predictor.black(2))
    chosen_layer = find_units(trace, loaded.net, str(layer), batch=2)
    unit_numbers = _chosen(units, count, chosen_layer)
    stream = _stream(loaded, images, split, data)
    with console.progress() as progress:
        totals = {LOOKING: stream.count, FINDING: None, MAKING: len(unit_numbers)}
        bars: dict[str, Any] = {}

        def advance(phase: str, count: int) -> None:
            if phase not in bars:
                bars[phase] = progress.add_task(phase, total=totals[phase])
            progress.advance(bars[phase], count)

        study = study_units(
            predictor,
            trace,
            chosen_layer,
            unit_numbers,
            (images.pixels_BCHW for images in stream.batches(BATCH_SIZE)),
            steps=steps,
            seed=seed,
            advance=advance,
        )
    rows = unit_rows(loaded.spec.classes, study, stream)
    folder = base / chosen_layer.name.replace("/", "_")
    _write(folder, study, rows, unit_sheets(predictor, loaded.name, study, stream, rows))
    _print(loaded, study, stream, rows)
    log.info("Written: %s", folder)
    return rows


def _check(count: int, split: str, steps: int) -> None:
    if split not in ("train", "val", "test"):
        raise UserError(f"split={split}: expected train, val or test.")
    if count < 1:
        raise UserError(f"count={count}: expected at least 1 unit to draw.")
    if steps < 1:
        raise UserError(f"steps={steps}: expected at least 1.")


def _chosen(units: str | int | Sequence[int], count: int, layer: UnitLayer) -> list[int]:
    """The numbers of the units to draw."""
    if units == "auto":
        return list(range(min(count, layer.units)))
    requested = [units] if isinstance(units, int) else units
    numbers = [
        u for u in requested if isinstance(u, int) and not isinstance(u, bool) and 0 <= u < layer.units
    ]
    if isinstance(requested, str) or not requested or len(numbers) < len(requested):
        raise UserError(
            f"units={units}: expected auto or numbers from 0 to {layer.units - 1}, e.g. units=[0,5]: "
            f"{layer.name} has {layer.size}."
        )
    return list(dict.fromkeys(numbers))


def _stream(loaded: LoadedRun, images: str | None, split: str, data: DataOverride | None) -> Stream:
    if images is not None:
        return of_files(images, loaded.spec, "images")
    return of_split(loaded.data(data), split)


def unit_rows(classes: Sequence[str], study: UnitStudy, stream: Stream) -> list[dict[str, Any]]:
    """What is known of each unit, once the images of the stream were read."""
    return [_row(classes, study, stream, unit) for unit in range(study.layer.units)]


def _row(classes: Sequence[str], study: UnitStudy, stream: Stream, unit: int) -> dict[str, Any]:
    activations = study.activations
    row: dict[str, Any] = {
        "unit": unit,
        "firing_rate": float(activations.rate_U[unit]),
        "firing_places": float(activations.position_rate_U[unit]),
        "dead": bool(activations.dead_U[unit]),
        "max": float(activations.most_U[unit]),
        "mean": float(activations.mean_U[unit]),
        "min": float(activations.least_U[unit]),
        "made": float(study.maxima.value_B[study.units.index(unit)]) if unit in study.units else None,
    }
    index_K = study.images(unit)
    labels = [classes[stream.labels[i]] for i in index_K if stream.labels[i] != UNKNOWN]
    (common, times), *_ = Counter(labels).most_common(1) or [("", 0)]
    row |= {"class_of_most": common, "images_of_that_class": times, "images": len(index_K)}
    return row | {f"image_{rank}": stream.files[index] for rank, index in enumerate(index_K, start=1)}


def unit_sheets(
    predictor: Predictor, name: str, study: UnitStudy, stream: Stream, rows: Sequence[dict[str, Any]]
) -> dict[str, Picture]:
    """Pictures of the units that are drawn, a few each, by their numbers: ``units_000_007``. ``name``: whose
    they are.
    """
    pictures = {}
    for start in range(0, len(study.units), UNITS_PER_SHEET):
        numbers = study.units[start : start + UNITS_PER_SHEET]
        title = "units_" + "_".join(f"{unit:03d}" for unit in dict.fromkeys((numbers[0], numbers[-1])))
        pictures[title] = _sheet(predictor, name, study, stream, rows, numbers)
    return pictures


def _write(
    folder: Path, study: UnitStudy, rows: Sequence[dict[str, Any]], pictures: Mapping[str, Picture]
) -> None:
    write_csv(folder / "units.csv", rows)
    content = io.BytesIO()
    arrays = {
        "image": study.activations.image_UK,
        "activation": study.activations.value_UK,
        "place": study.activations.position_UK,
        "patch": study.boxes_UK4,
        "drawn": torch.tensor(study.units),
        "made": study.maxima.images_BCHW.permute(0, 2, 3, 1),
        "made_patch": study.maxima_boxes_A4,
        "made_activation": study.maxima.value_B,
    }
    np.savez_compressed(content, **{name: array.numpy() for name, array in arrays.items()})  # type: ignore[arg-type]
    write_atomically(folder / "units.npz", content.getvalue())
    for name, picture in pictures.items():
        write_png(folder / f"{name}.png", picture)


def _sheet(
    predictor: Predictor,
    name: str,
    study: UnitStudy,
    stream: Stream,
    rows: Sequence[dict[str, Any]],
    numbers: Sequence[int],
) -> Picture:
    layer, filters = study.layer, study.filters
    note = (
        f"{layer.kind}, {layer.size}; {stream.description}. Fires: above 0. Dead: the same for all of them."
    )
    return unit_sheet(
        [_drawn(predictor, study, stream, rows[unit]) for unit in numbers],
        colours=filters is not None and filters.pixels,
        size=study.largest_patch,
        title=f"Units of {layer.name}, {name}",
        note=predictor.spec.noted(note),
        of=filters.name if filters else "",
    )


def _drawn(predictor: Predictor, study: UnitStudy, stream: Stream, row: dict[str, Any]) -> UnitRow:
    unit = row["unit"]
    index_K, position = study.images(unit), study.units.index(unit)
    spec = predictor.spec
    photos_NHWC = np.zeros((0, *spec.image_shape[1:], 3), dtype=np.uint8)
    if index_K:
        photos_NHWC = predictor.shown(predictor.inputs(stream.again(index_K)))
    captions = []
    for index, value in zip(index_K, study.activations.value_UK[unit].tolist(), strict=False):
        label = stream.labels[index]
        captions.append(number(value) + ("" if label == UNKNOWN else f"\n{spec.classes[label]}"))
    made_HWC = study.maxima.images_BCHW[position].permute(1, 2, 0).numpy() / 255
    moved = row["made"] > row["min"] or not row["dead"]
    return UnitRow(
        name=f"unit {unit}",
        notes=_notes(row, study.layer),
        dead=row["dead"],
        filter_IHW=study.filters.weights_OIHW[unit] if study.filters else None,
        excited_HWC=to_pixels(made_HWC, spec.bands) if moved else None,
        excited_box=study.maxima_boxes_A4[position].tolist(),
        excited_note=f"gives {number(row['made'])}\nimages ≤ {number(row['max'])}",
        photos_NHWC=photos_NHWC,
        boxes=study.boxes_UK4[unit, : len(index_K)].tolist(),
        captions=captions,
    )


def _notes(row: dict[str, Any], layer: UnitLayer) -> list[str]:
    if row["dead"]:
        return [f"dead: {number(row['max'])} everywhere"]
    fires = [f"fires in {row['firing_rate']:.1%} of images"]
    if layer.map_shape:
        fires.append(f"at {row['firing_places']:.1%} of places")
    return [*fires, f"mean {number(row['mean'])}", f"{number(row['min'])} to {number(row['max'])}"]


def _print(loaded: LoadedRun, study: UnitStudy, stream: Stream, rows: Sequence[dict[str, Any]]) -> None:
    layer = study.layer
    heads = ["unit", "fires", *(["at places"] if layer.map_shape else []), "largest", "mean", "made"]
    table = console.table(f"{layer.name} of {loaded.name}", [*heads, "strongest"], left=("strongest",))
    for unit in study.units:
        row = rows[unit]
        rates = [f"{row['firing_rate']:.1%}", *([f"{row['firing_places']:.1%}"] if layer.map_shape else [])]
        values = [number(row[name]) for name in ("max", "mean", "made")]
        class_share = f"{row['images_of_that_class']} of {row['images']}: {row['class_of_most']}"
        last = "dead" if row["dead"] else (class_share if row["class_of_most"] else "")
        table.add_row(str(unit), *rates, *values, Text(plain(last)))
    console.print_table(table)
    dead = [row["unit"] for row in rows if row["dead"]]
    listed = ": " + ", ".join(map(str, dead[:20])) + (", …" if len(dead) > 20 else "") if dead else ""
    log.info("%s: %s, %s. Dead: %d%s.", layer.name, layer.kind, layer.size, len(dead), listed)
    log.info(
        "Of %s. Fires: share of images in which it is above 0. Made: what an image made for it gives.",
        stream.description,
    )
