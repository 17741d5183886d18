"""Two runs side by side: their figures and curves, where they disagree, how alike their layers see."""

from __future__ import annotations

import csv
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.table import Table
from rich.text import Text
from torch import Tensor, nn
from torch.nn import functional

from pellucid.config.build import flatten
from pellucid.console import console
from pellucid.data.base import ImageData
from pellucid.draw.comparison import compared_curves, likeness_map
from pellucid.draw.grid import image_grid
from pellucid.draw.png import write_png
from pellucid.draw.sheet import plain
from pellucid.errors import UserError
from pellucid.inside.capture import captured, find_layers
from pellucid.inside.pixels import pixels
from pellucid.inside.probe import choose_points
from pellucid.inside.similarity import LEAST, cka, mcnemar
from pellucid.inside.untouched import untouched
from pellucid.outcome import Outcome, outcome
from pellucid.run import write_csv
from pellucid.trained import Changed, Trained, restore

log = logging.getLogger(__name__)

IMAGES = 512  # whose layers are compared
SIDE = 4  # pixels of a map that are kept: averages over as many parts
MOST_LAYERS = 24
SHOWN = 24  # images on which they disagree
LAYERS = (nn.Conv2d, nn.Linear)


def compare(
    runs: Sequence[str],
    *,
    layers: str | Sequence[str],
    checkpoint: str,
    accelerator: str,
    data: Changed,
    out: str | None,
) -> dict[str, Any]:
    """Compare two runs on the same test images; what was found.

    ``runs``: two run folders or checkpoints. ``layers``: auto (convolutions and linear layers) or names that
    both nets have. Files go to ``comparison/`` of the first, or to ``out``. Raises UserError where their test
    images are not the same.
    """
    if len(runs) != 2:
        raise UserError(f"runs={list(runs)}: expected two, runs=[outputs/…,outputs/…].")
    both = [restore(run, checkpoint=checkpoint, accelerator=accelerator) for run in runs]
    if both[0].task.monitor != both[1].task.monitor:
        raise UserError("runs: one is a classifier, the other is none; they cannot be compared.")
    images = [trained.data(data) for trained in both]
    splits = [one.splits["test"] for one in images]
    if list(splits[0].files) != list(splits[1].files) or not torch.equal(
        splits[0].labels_N, splits[1].labels_N
    ):
        raise UserError(
            f"runs: their test images are not the same ({images[0].source} and {images[1].source}). "
            "Name the data for both, data=… data.root=…."
        )
    found = [outcome(trained, one, "test") for trained, one in zip(both, images, strict=True)]
    folder = Path(out).expanduser().absolute() if out else both[0].folder / "comparison" / both[1].folder.name
    names = [trained.name for trained in both]
    told = _tell(both, found)
    _draw_curves(folder, both, names)
    told["cka"] = _draw_likeness(folder, both, images, layers, names)
    if found[0].shares_NK is not None:
        _draw_disagreements(folder, both[0], images[0], found, names)
    differences = _differences(both)
    write_csv(folder / "options.csv", differences)
    console.print(_options_table(differences, names))
    log.info("Written: %s", folder)
    return told


def _tell(both: Sequence[Trained], found: Sequence[Outcome]) -> dict[str, Any]:
    """Figures of both, and the test of their difference."""
    table = Table(title="Two runs", title_justify="left", title_style="bold", header_style="dim")
    table.add_column("")
    for place, trained in enumerate(both, start=1):
        table.add_column(Text(f"{place}: {trained.name}"), justify="right", overflow="fold")
    told: dict[str, Any] = {}
    for name in found[0].metrics:
        values = [one.metrics[name] for one in found]
        told[name] = values
        table.add_row(f"test {name}", *(f"{value:.4f}" for value in values))
    console.print(table)
    if found[0].shares_NK is not None:
        rights = [one.verdicts().right().numpy() for one in found]
        first, second, p = mcnemar(*rights)
        told |= {"only_first": first, "only_second": second, "p": p}
        log.info(
            "%s images only the first got right, %s only the second; p = %.3g that they are equally good "
            "(exact McNemar test; of these two nets, not of training them again).",
            *(f"{first:,}", f"{second:,}", p),
        )
    return told


def _draw_curves(folder: Path, both: Sequence[Trained], names: Sequence[str]) -> None:
    curves = []
    for trained in both:
        path = trained.run.folder / "metrics.csv" if trained.run else None
        if path is None or not path.is_file():
            return
        with path.open(newline="") as file:
            rows = [
                {key: float(value) for key, value in row.items() if value} for row in csv.DictReader(file)
            ]
        curves.append(rows)
    write_png(folder / "curves.png", compared_curves(curves, names, title="Learning curves"))


def _draw_likeness(
    folder: Path,
    both: Sequence[Trained],
    images: Sequence[ImageData],
    layers: str | Sequence[str],
    names: Sequence[str],
) -> list[list[float]]:
    split = images[0].splits["test"]
    index_N = choose_points(len(split), IMAGES, both[0].config["seed"])
    if len(index_N) < LEAST:
        return []
    seen = [_layers(trained, data, layers, index_N) for trained, data in zip(both, images, strict=True)]
    values_PQ = np.array([[cka(one, other) for other in seen[1].values()] for one in seen[0].values()])
    note = f"debiased linear CKA over {len(index_N):,} test images; 1: the same up to rotation and scale"
    picture = likeness_map(
        values_PQ, list(seen[0]), list(seen[1]), names, title="How alike their layers see", note=note
    )
    write_png(folder / "layers.png", picture)
    rows = [
        {"layer": name, **dict(zip(seen[1], row, strict=True))}
        for name, row in zip(seen[0], values_PQ, strict=True)
    ]
    write_csv(folder / "layers.csv", rows)
    found: list[list[float]] = values_PQ.tolist()
    return found


def _layers(
    trained: Trained, data: ImageData, layers: str | Sequence[str], index_N: Tensor
) -> dict[str, np.ndarray]:
    """What each layer gives for those images, (N, P); of maps the averages over SIDE × SIDE parts."""
    placed, net = trained.placed(), trained.net
    if isinstance(layers, str):
        chosen = [name for name, module in net.named_modules() if isinstance(module, LAYERS)]
        places = np.unique(np.linspace(0, len(chosen) - 1, min(len(chosen), MOST_LAYERS)).round().astype(int))
        chosen = [chosen[place] for place in places]
    else:
        chosen = list(find_layers(net, layers))
    parts: dict[str, list[Tensor]] = {name: [] for name in chosen}
    with untouched(net) as plain_net, captured(plain_net, chosen) as outputs, torch.no_grad():
        for index_B in torch.split(index_N, data.batch_size):
            placed.run(placed.images(data.splits["test"].images(index_B)))
            for name in chosen:
                if name not in outputs:
                    continue
                output = outputs[name].float()
                if output.ndim == 4 and max(output.shape[2:]) > SIDE:
                    output = functional.adaptive_avg_pool2d(output, SIDE)
                parts[name].append(output.flatten(1).cpu())
    return {name: torch.cat(found).numpy() for name, found in parts.items() if found}


def _draw_disagreements(
    folder: Path, trained: Trained, data: ImageData, found: Sequence[Outcome], names: Sequence[str]
) -> None:
    one, other = (outcome_of.verdicts() for outcome_of in found)
    differ = one.predicted_N != other.predicted_N
    sure_N = one.confidence_N * other.confidence_N
    index_N = torch.nonzero(differ).flatten()
    index_N = index_N[sure_N[index_N].argsort(descending=True, stable=True)]
    classes = trained.spec.classes
    rows: list[dict[str, Any]] = []
    for place in index_N.tolist():
        true, first, second = (int(v[place]) for v in (one.true_N, one.predicted_N, other.predicted_N))
        rows.append(
            {
                "file": data.splits["test"].files[place],
                "class": classes[true],
                "first": classes[first],
                "first_confidence": float(one.confidence_N[place]),
                "second": classes[second],
                "second_confidence": float(other.confidence_N[place]),
            }
        )
    write_csv(folder / "disagreements.csv", rows)
    shown = data.splits["test"].subset(index_N[:SHOWN])
    captions = [
        f"1: {row['first']} {row['first_confidence']:.2f}\n"
        f"2: {row['second']} {row['second_confidence']:.2f} ({row['class']})"
        for row in rows[:SHOWN]
    ]
    note = f"{len(index_N):,} of {len(one):,} test images, the surest first, (true class); 1: {names[0]}"
    files = ["/".join(Path(file).parts[-2:]) for file in shown.files]
    grid = image_grid(
        pixels(trained.spec, shown), captions, title="Where they disagree", note=note, files=files
    )
    write_png(folder / "disagreements.png", grid)


def _differences(both: Sequence[Trained]) -> list[dict[str, Any]]:
    """Options that are not the same."""
    flat = [flatten(trained.config) for trained in both]
    keys = [key for key in dict.fromkeys((*flat[0], *flat[1])) if flat[0].get(key) != flat[1].get(key)]
    return [
        {"option": key, **{trained.name: one.get(key, "–") for trained, one in zip(both, flat, strict=True)}}
        for key in keys
    ]


def _options_table(differences: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Table:
    title = "What was set otherwise" if differences else "All options are the same"
    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim")
    table.add_column("option")
    for place, _ in enumerate(names, start=1):
        table.add_column(f"{place}", overflow="fold")
    for row in differences:
        table.add_row(*(Text(plain(str(value))) for value in row.values()))
    return table
