"""The page's section of film strips: what the view has kept of each epoch, to be moved through.

Axes: E epochs, H × W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pellucid.callbacks.film_strip import FRAMES, epoch_of, row_name, row_pictures
from pellucid.draw.film import choose_frames
from pellucid.draw.sheet import number
from pellucid.inside.reference import choose_reference_images
from pellucid.report.context import Context, of_kept
from pellucid.report.picture import address, sheet_of, shrunk
from pellucid.system.files import read_arrays

MOST, SIDE = 30, 96  # epochs, and pixels of a picture


@dataclass(frozen=True)
class Reel:
    """One image: its strips by name, a picture of all epochs side by side, and what was said each epoch."""

    photo: str
    file: str
    name: str
    strips: Mapping[str, str]
    captions: Sequence[str]
    right: Sequence[bool | None]


@dataclass(frozen=True)
class Film:
    """The reels over those epochs, of so many."""

    epochs: Sequence[int]
    total: int
    reels: Sequence[Reel]


def film(context: Context) -> Film | None:
    """None where nothing was kept, by a run without that view, or of other images."""
    return of_kept(_film, context)


def _film(context: Context) -> Film | None:
    run = context.loaded.run if context.as_trained else None
    frames = _read(run.folder / "figures" / FRAMES) if run else {}
    if not frames:
        return None
    epochs = [list(frames)[place] for place in choose_frames(list(frames), MOST)]
    keys = [key for key in frames[epochs[0]] if "/" in key]
    count = len(frames[epochs[0]][keys[0]])
    split = context.split("val")
    index_B = choose_reference_images(split.labels_N, count, context.seed)
    photos = context.pixels(context.images("val", index_B))
    rows = split.subset(index_B)
    reels = []
    for place, (photo, file, label) in enumerate(
        zip(photos, rows.files, rows.labels_N.tolist(), strict=True)
    ):
        # Limits of colours are taken over all of the epochs, also those that are not shown.
        strips = {
            row_name(key): row_pictures(key, np.stack([f[key][place] for f in frames.values()]))
            for key in keys
        }
        at = {epoch: number_of for number_of, epoch in enumerate(frames)}
        shown = {name: [shrunk(made[at[epoch]], SIDE) for epoch in epochs] for name, made in strips.items()}
        captions = [_caption(frames[epoch], place, context.classes) for epoch in epochs]
        reels.append(
            Reel(
                photo=address(shrunk(photo, SIDE), photo=True),
                file=file,
                name=context.classes[label],
                strips={
                    name: address(sheet_of(made, len(made)), photo=made[0].shape[0] == SIDE)
                    for name, made in shown.items()
                },
                captions=captions,
                right=[
                    int(frames[e]["predicted"][place]) == label if "predicted" in frames[e] else None
                    for e in epochs
                ],
            )
        )
    return Film(epochs=epochs, total=max(frames), reels=reels)


def _read(folder: Path) -> dict[int, dict[str, np.ndarray]]:
    """The kept epochs in order; files that cannot be read are passed over."""
    found = {}
    for path in sorted(folder.glob("epoch_*.npz")):
        try:
            found[epoch_of(path.name)] = read_arrays(path)
        except (OSError, ValueError):
            continue
    return found


def _caption(frame: Mapping[str, np.ndarray], place: int, classes: Sequence[str]) -> str:
    if "predicted" in frame:
        return f"{classes[int(frame['predicted'][place])]} {frame['confidence'][place]:.2f}"
    return f"MSE {number(frame['mse'][place])}" if "mse" in frame else ""
