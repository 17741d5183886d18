"""The units of a layer of a trained net: what excites each, how often it fires, whether it is dead."""

from __future__ import annotations

import io
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from rich.progress import Progress
from rich.text import Text
from torch import Tensor

from pellucid.config.command import DataOverride, NameText, OnlyIf, PathText
from pellucid.data.stream import Stream, of_files, of_split
from pellucid.draw.png import write_png
from pellucid.draw.sheet import number
from pellucid.draw.units import UnitRow, unit_sheet
from pellucid.engine.loaded_run import LoadedRun, restore
from pellucid.errors import UserError, plain
from pellucid.inside.activation_maximization import ActivationMaxima, maximize_activations, middle
from pellucid.inside.images import UNKNOWN
from pellucid.inside.pixels import to_pixels, to_rgb
from pellucid.inside.predictor import Predictor
from pellucid.inside.preserve_state import preserve_state
from pellucid.inside.receptive_field import receptive_fields
from pellucid.inside.top_activations import TopActivations, Watch
from pellucid.inside.trace import Trace, traced
from pellucid.inside.units import UnitLayer, find_units
from pellucid.inside.weights import Filters, find_filters
from pellucid.spec import prepare
from pellucid.system.console import console
from pellucid.system.files import write_atomically, write_csv

log = logging.getLogger(__name__)

AT_ONCE = 32  # images, so that memory is bounded
A_SHEET = 8  # units


@dataclass(frozen=True)
class Found:
    """What is known of a layer's units: of all what was seen, of the ``chosen`` ones what excites them.

    ``boxes_UK4``: the patch of each strongest image that the unit sees, ``made_boxes_A4`` of those made.
    """

    layer: UnitLayer
    filters: Filters | None
    seen: TopActivations
    boxes_UK4: Tensor
    made_boxes_A4: Tensor
    chosen: list[int]
    made: ActivationMaxima


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
    out: PathText | None = None,
) -> list[dict[str, Any]]:
    """Pictures of a layer's units, a table, and all that is known of each as files; the table's rows.

    ``run``: a run folder or a checkpoint. ``layer``: a name of ``named_modules``, or auto. ``units``: the
    numbers of those that are drawn, or auto: the first ``count``. ``images``: files to look at in place of
    the ``split``. ``steps``, ``seed``: of the images that are made to excite a unit. Files go to
    ``units/<layer>/`` of the run folder, or of ``out``. Raises UserError.
    """
    _check(count, split, steps)
    trained = restore(run, checkpoint=checkpoint, accelerator=accelerator, packages=packages)
    base = trained.place(out, "units")
    predictor = trained.predictor()
    trace = traced(trained.net, predictor.black(2))
    chosen_layer = find_units(trace, trained.net, str(layer), batch=2)
    chosen = _chosen(units, count, chosen_layer)
    stream = _stream(trained, images, split, data)
    with console.progress() as progress:
        found = _find(predictor, trace, chosen_layer, chosen, stream, progress, steps=steps, seed=seed)
    rows = [_row(trained, found, stream, unit) for unit in range(chosen_layer.units)]
    folder = base / chosen_layer.name.replace("/", "_")
    _write(folder, trained, found, stream, rows)
    _tell(trained, found, stream, rows)
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
    given = [units] if isinstance(units, int) else units
    numbers = [u for u in given if isinstance(u, int) and not isinstance(u, bool) and 0 <= u < layer.units]
    if isinstance(given, str) or not given or len(numbers) < len(given):
        raise UserError(
            f"units={units}: expected auto or numbers from 0 to {layer.units - 1}, e.g. units=[0,5]: "
            f"{layer.name} has {layer.size}."
        )
    return list(dict.fromkeys(numbers))


def _stream(trained: LoadedRun, images: str | None, split: str, data: DataOverride | None) -> Stream:
    if images is not None:
        return of_files(images, trained.spec, "images")
    return of_split(trained.data(data), split)


def _find(
    predictor: Predictor,
    trace: Trace,
    layer: UnitLayer,
    chosen: list[int],
    stream: Stream,
    progress: Progress,
    *,
    steps: int,
    seed: int,
) -> Found:
    watch = Watch(layer.units)
    bar = progress.add_task("Looking", total=stream.count)
    with preserve_state(predictor.net) as net:
        with torch.no_grad():
            for images in stream.batches(AT_ONCE):
                watch.see(layer.outputs(net, predictor.inputs(images.pixels_BCHW)))
                progress.advance(bar, len(images))
        seen = watch.found()
        progress.add_task("Finding what each unit sees", total=None)
        places = _places(layer, seen, chosen)
        boxes_UK4, made_boxes_A4 = _boxes(predictor, layer, seen, chosen, places)
        making = progress.add_task("Making images that excite", total=len(chosen))
        made = maximize_activations(
            net,
            layer,
            chosen,
            places,
            predictor.spec,
            patch=min(_size(made_boxes_A4)),
            steps=steps,
            seed=seed,
            done=lambda number: progress.advance(making, number),
        )
    filters = find_filters(trace, layer.filtered_by, predictor.spec.image_shape)
    return Found(layer, filters, seen, boxes_UK4, made_boxes_A4, chosen, made)


def _places(layer: UnitLayer, seen: TopActivations, chosen: list[int]) -> list[int]:
    """Where units are excited by images that are made: in the middle of a map, whose places are alike.

    Those of a layer after patches have been joined are not: there it is where real images do.
    """
    if len(layer.places) != 1:
        return [middle(layer)] * len(chosen)
    return [max(int(seen.place_UK[unit, 0]), 0) for unit in chosen]


def _boxes(
    predictor: Predictor, layer: UnitLayer, seen: TopActivations, chosen: list[int], places: list[int]
) -> tuple[Tensor, Tensor]:
    """What each unit sees of its strongest images, (U, K, 4), -1 where there is none, and of those made."""
    shape = predictor.spec.image_shape
    boxes_UK4 = torch.full((*seen.place_UK.shape, 4), -1)
    if not layer.places:  # a vector's units see the whole image
        whole_4 = torch.tensor([0, 0, *shape[1:]])
        boxes_UK4[seen.image_UK >= 0] = whole_4
        return boxes_UK4, whole_4.repeat(len(chosen), 1)
    unit_S, rank_S = torch.nonzero(seen.image_UK >= 0, as_tuple=True)
    units = torch.cat([unit_S, torch.tensor(chosen)])
    asked = torch.cat([seen.place_UK[unit_S, rank_S], torch.tensor(places)])
    boxes_S4 = receptive_fields(predictor.net, layer, units, asked, shape)
    boxes_UK4[unit_S, rank_S] = boxes_S4[: len(unit_S)]
    return boxes_UK4, boxes_S4[len(unit_S) :]


def _size(boxes_S4: Tensor) -> tuple[int, int]:
    """Height and width of the largest, in pixels."""
    sizes_S2 = boxes_S4[:, 2:] - boxes_S4[:, :2]
    return int(sizes_S2[:, 0].max()), int(sizes_S2[:, 1].max())


def _row(trained: LoadedRun, found: Found, stream: Stream, unit: int) -> dict[str, Any]:
    seen = found.seen
    row: dict[str, Any] = {
        "unit": unit,
        "firing_rate": float(seen.rate_U[unit]),
        "firing_places": float(seen.places_U[unit]),
        "dead": bool(seen.dead_U[unit]),
        "max": float(seen.most_U[unit]),
        "mean": float(seen.mean_U[unit]),
        "min": float(seen.least_U[unit]),
        "made": float(found.made.value_B[found.chosen.index(unit)]) if unit in found.chosen else None,
    }
    index_K = _images(seen, unit)
    labels = [trained.spec.classes[stream.labels[i]] for i in index_K if stream.labels[i] != UNKNOWN]
    (common, times), *_ = Counter(labels).most_common(1) or [("", 0)]
    row |= {"class_of_most": common, "images_of_that_class": times, "images": len(index_K)}
    return row | {f"image_{rank}": stream.files[index] for rank, index in enumerate(index_K, start=1)}


def _images(seen: TopActivations, unit: int) -> list[int]:
    return [index for index in seen.image_UK[unit].tolist() if index >= 0]


def _write(
    folder: Path, trained: LoadedRun, found: Found, stream: Stream, rows: Sequence[dict[str, Any]]
) -> None:
    pictures = {}
    for start in range(0, len(found.chosen), A_SHEET):
        some = found.chosen[start : start + A_SHEET]
        name = f"units_{some[0]:03d}.png" if len(some) == 1 else f"units_{some[0]:03d}_{some[-1]:03d}.png"
        pictures[name] = _sheet(trained, found, stream, rows, some)
    write_csv(folder / "units.csv", rows)
    content = io.BytesIO()
    arrays = {
        "image": found.seen.image_UK,
        "activation": found.seen.value_UK,
        "place": found.seen.place_UK,
        "patch": found.boxes_UK4,
        "drawn": torch.tensor(found.chosen),
        "made": found.made.images_BCHW.permute(0, 2, 3, 1),
        "made_patch": found.made_boxes_A4,
        "made_activation": found.made.value_B,
    }
    np.savez_compressed(content, **{name: array.numpy() for name, array in arrays.items()})  # type: ignore[arg-type]
    write_atomically(folder / "units.npz", content.getvalue())
    for name, picture in pictures.items():
        write_png(folder / name, picture)


def _sheet(
    trained: LoadedRun, found: Found, stream: Stream, rows: Sequence[dict[str, Any]], some: Sequence[int]
) -> np.ndarray:
    layer, filters = found.layer, found.filters
    note = f"{layer.kind}, {layer.size}; {stream.given}. Fires: above 0. Dead: the same for all of them."
    return unit_sheet(
        [_drawn(trained, found, stream, rows[unit]) for unit in some],
        colours=filters is not None and filters.pixels,
        size=_size(torch.cat([found.boxes_UK4.flatten(0, 1), found.made_boxes_A4])),
        title=f"Units of {layer.name}, {trained.name}",
        note=note,
        of=filters.name if filters else "",
    )


def _drawn(trained: LoadedRun, found: Found, stream: Stream, row: dict[str, Any]) -> UnitRow:
    unit = row["unit"]
    index_K, place = _images(found.seen, unit), found.chosen.index(unit)
    photos_NHWC = np.zeros((0, *trained.spec.image_shape[1:], 3), dtype=np.uint8)
    if index_K:
        photos_NHWC = to_rgb(trained.spec, prepare(stream.again(index_K), trained.spec))
    captions = []
    for index, value in zip(index_K, found.seen.value_UK[unit].tolist(), strict=False):
        label = stream.labels[index]
        captions.append(number(value) + ("" if label == UNKNOWN else f"\n{trained.spec.classes[label]}"))
    made_HWC = found.made.images_BCHW[place].permute(1, 2, 0).numpy() / 255
    moved = row["made"] > row["min"] or not row["dead"]
    return UnitRow(
        name=f"unit {unit}",
        notes=_notes(row, found.layer),
        dead=row["dead"],
        filter_IHW=found.filters.weights_OIHW[unit] if found.filters else None,
        excited_HWC=to_pixels(made_HWC) if moved else None,
        excited_box=found.made_boxes_A4[place].tolist(),
        excited_note=f"gives {number(row['made'])}\nimages ≤ {number(row['max'])}",
        photos_NHWC=photos_NHWC,
        boxes=found.boxes_UK4[unit, : len(index_K)].tolist(),
        captions=captions,
    )


def _notes(row: dict[str, Any], layer: UnitLayer) -> list[str]:
    if row["dead"]:
        return [f"dead: {number(row['max'])} everywhere"]
    fires = [f"fires in {row['firing_rate']:.1%} of images"]
    if layer.places:
        fires.append(f"at {row['firing_places']:.1%} of places")
    return [*fires, f"mean {number(row['mean'])}", f"{number(row['min'])} to {number(row['max'])}"]


def _tell(trained: LoadedRun, found: Found, stream: Stream, rows: Sequence[dict[str, Any]]) -> None:
    layer = found.layer
    heads = ["unit", "fires", *(["at places"] if layer.places else []), "largest", "mean", "made"]
    table = console.table(f"{layer.name} of {trained.name}", [*heads, "strongest"], left=("strongest",))
    for unit in found.chosen:
        row = rows[unit]
        rates = [f"{row['firing_rate']:.1%}", *([f"{row['firing_places']:.1%}"] if layer.places else [])]
        values = [number(row[name]) for name in ("max", "mean", "made")]
        most = f"{row['images_of_that_class']} of {row['images']}: {row['class_of_most']}"
        last = "dead" if row["dead"] else (most if row["class_of_most"] else "")
        table.add_row(str(unit), *rates, *values, Text(plain(last)))
    console.print(table)
    dead = [row["unit"] for row in rows if row["dead"]]
    listed = ": " + ", ".join(map(str, dead[:20])) + (", …" if len(dead) > 20 else "") if dead else ""
    log.info("%s: %s, %s. Dead: %d%s.", layer.name, layer.kind, layer.size, len(dead), listed)
    log.info(
        "Of %s. Fires: share of images in which it is above 0. Made: what an image made for it gives.",
        stream.given,
    )
