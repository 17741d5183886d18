"""The page's section of film strips: what the view has kept of each epoch, to be moved through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.callbacks.film_strip import captions, kept_frames
from pellucid.draw.film import row_name, row_pictures
from pellucid.inside.reference import choose_reference_images
from pellucid.metrics.spread import evenly_spread
from pellucid.report.picture import address, sheet_of, shrunk
from pellucid.report.run.context import Context, of_kept
from pellucid.view import film_strip as view

MAX_EPOCHS, SIDE = 30, 96  # pixels of a picture


@dataclass(frozen=True)
class Strip:
    """One image: its rows by name, a picture of all epochs side by side; what was predicted in each epoch."""

    photo: str
    file: str
    name: str
    rows: Mapping[str, str]
    captions: Sequence[str]
    right: Sequence[bool | None]


@dataclass(frozen=True)
class FilmStrip:
    """The strips over those epochs, of so many."""

    epochs: Sequence[int]
    total: int
    strips: Sequence[Strip]


def film_strip(context: Context) -> FilmStrip | None:
    """None where nothing was kept, by a run without that view, or of other images."""
    return of_kept(_film_strip, context)


def _film_strip(context: Context) -> FilmStrip | None:
    run = context.loaded.run if context.as_trained else None
    by_epoch = dict(kept_frames(run.folder / "figures")) if run else {}
    if not by_epoch:
        return None
    epochs, frames = list(by_epoch), list(by_epoch.values())
    indices = evenly_spread(len(epochs), MAX_EPOCHS)
    count = next(len(array) for key, array in frames[0].items() if "/" in key)
    split = context.split("val")
    images = split.pick(choose_reference_images(split.labels_N, count, context.seed), context.classes)
    photos = context.predictor.pixels(images)
    labels = images.labels_B.tolist()
    targets_BK = images.targets_BK
    strips = [
        view.strip(frames, position, label, None if targets_BK is None else targets_BK[position])
        for position, label in enumerate(labels)
    ]
    return FilmStrip(
        epochs=[epochs[index] for index in indices],
        total=max(epochs),
        strips=[
            _strip(context, film, indices, photo, file, name)
            for film, photo, file, name in zip(strips, photos, images.files, images.names, strict=True)
        ],
    )


def _strip(
    context: Context, film: view.Strip, indices: Sequence[int], photo: np.ndarray, file: str, name: str
) -> Strip:
    rows = {}
    for key, values in film.rows.items():
        # Limits of colours are taken over all of the epochs, also those that are not shown.
        pictures = row_pictures(key, values)
        row = [shrunk(pictures[index], SIDE) for index in indices]
        rows[row_name(key)] = address(sheet_of(row, len(row)), photo=row[0].shape[0] == SIDE)
    texts = captions(film, context.classes)
    return Strip(
        photo=address(shrunk(photo, SIDE), photo=True),
        file=file,
        name=name,
        rows=rows,
        captions=[texts[index] for index in indices],
        right=[film.right[index] for index in indices],
    )
