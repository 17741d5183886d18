"""View: each reference image through the epochs, one picture an image at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from pellucid.callbacks.explanations import find_methods
from pellucid.callbacks.figure_logger import FigureLogger
from pellucid.callbacks.snapshot import Snapshot
from pellucid.callbacks.visualizer import Visualizer
from pellucid.draw.film import MAX_FRAMES, Frame, film_strip, row_name, row_pictures
from pellucid.explainer.base import Explainer
from pellucid.inside.layers import Layers
from pellucid.metrics.spread import evenly_spread
from pellucid.system.files import read_arrays
from pellucid.system.number_text import number
from pellucid.view.explanations import applicable
from pellucid.view.film_strip import Strip, class_frame, layers_with_strips, reconstruction_frame, strip
from pellucid.view.predictions import known_texts, predicted_texts, target_texts

FRAMES, MAX_IMAGES = "film_strip/frames", 32
STRIP_SECONDS = 0.1


class FilmStrip(Visualizer):
    """``images`` reference images: prediction, explanation of the true class by ``method``, and one map of
    each of the ``layers`` that have maps (names, or auto); or the reconstruction. A row has its own colours.

    ``method``: auto is Grad-CAM where it is among the run's explainers. Where it cannot explain the net, the
    first that can is taken. What a strip is made of stays in ``figures/film_strip/frames``, so that a resumed
    run shows all its epochs.
    """

    name, kept = "film_strip", f"{FRAMES}/epoch_*.npz"

    def __init__(
        self,
        *,
        images: int = 4,
        method: str = "auto",
        layers: Layers = "auto",
        every_n_epochs: int = 1,
        figures: FigureLogger,
    ) -> None:
        super().__init__(every_n_epochs=every_n_epochs, figures=figures)
        self.check_count("images", images, most=MAX_IMAGES)
        if method == "auto":
            method = "grad_cam"
        elif figures.explainers:
            find_methods(figures, [method], "callbacks.film_strip.method")
        self.images, self.method, self.layers = images, method, layers
        self.explainer: Explainer | None = None
        self.layer_names: list[str] = []

    def reason(self, snapshot: Snapshot) -> str | None:
        predictor, explainers = snapshot.predictor, snapshot.figures.explainers
        if predictor.reconstructs:
            return None
        self.layer_names = layers_with_strips(predictor, self.layers)
        if not predictor.has_outputs:
            return None if self.layer_names else "neither a classifier nor an autoencoder, and no maps"
        for name in dict.fromkeys([self.method, *explainers]):
            if name in explainers and not applicable(predictor, {name: explainers[name]}).refused:
                self.explainer = explainers[name]
                break
        return None

    def estimate(self, snapshot: Snapshot) -> float:
        passes = (
            1 if self.explainer is None else self.explainer.passes(snapshot.predictor.spec.image_shape[1:])
        )
        return STRIP_SECONDS + 3 * passes * self.images * snapshot.predictor.seconds_per_image

    def draw(self, snapshot: Snapshot) -> None:
        images, predictor = snapshot.reference_images(self.images), snapshot.predictor
        if predictor.reconstructs:
            frame = reconstruction_frame(predictor, images)
        else:
            _, first = next(kept_frames(self.figures.folder), (0, {}))
            frame = class_frame(predictor, images, self.explainer, self.layer_names, first)
        snapshot.keep_arrays(frame, f"{FRAMES}/epoch_{snapshot.epoch:04d}.npz")

    def finish(self, snapshot: Snapshot) -> None:
        by_epoch = dict(kept_frames(self.figures.folder))
        if snapshot.epoch:  # a resumed run may have done epochs again that were kept before it was killed
            by_epoch = {epoch: frame for epoch, frame in by_epoch.items() if epoch <= snapshot.epoch}
        if not by_epoch:
            return
        images, first = snapshot.reference_images(self.images), by_epoch[min(by_epoch)]
        predictor = snapshot.predictor
        pixels_BHWC, known = predictor.pixels(images), known_texts(images, snapshot.classes)
        for position, label in enumerate(images.labels_B.tolist()):
            explained = first.get("target", images.labels_B.numpy())[position]
            target_K = None if images.targets_BK is None else images.targets_BK[position]
            film = strip(list(by_epoch.values()), position, label, target_K)
            frames = _drawn(list(by_epoch), film, snapshot.classes)
            selected = [frames[index] for index in evenly_spread(len(frames), MAX_FRAMES)]
            title = ": ".join(filter(None, [known[position], images.short_files[position]]))
            note = f"{len(selected)} of {max(by_epoch)} epochs; a row's colours mean the same in all of them"
            if self.explainer is not None:
                score = "" if predictor.has_numbers else "the score of "
                note += f"; explained is {score}{snapshot.classes[explained]}"
            note = predictor.spec.noted(note)
            picture = film_strip(pixels_BHWC[position], selected, title=title, note=note)
            snapshot.show(picture, f"{self.name}/probe_{position}", file=f"{self.name}/probe_{position}.png")


def kept_frames(figures: Path) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """The epochs whose frames a run has kept among its figures, in order; files that cannot be read are
    passed over.
    """
    for path in sorted((figures / FRAMES).glob("epoch_*.npz")):
        with suppress(OSError, ValueError):
            yield int(path.stem.rpartition("_")[2]), read_arrays(path)


def captions(film: Strip, classes: Sequence[str]) -> list[str]:
    """What was predicted in each epoch."""
    if "has" in film.outputs:  # without probabilities, as there is little room
        return target_texts(film.outputs["has"], classes)
    if film.outputs:
        return predicted_texts(film.outputs, classes)
    if film.predicted is not None and film.confidence is not None:
        pairs = zip(film.predicted, film.confidence, strict=True)
        return [f"{classes[label]} {confidence:.2f}" for label, confidence in pairs]
    return (
        [""] * len(film.right) if film.errors is None else [f"MSE {number(error)}" for error in film.errors]
    )


def _drawn(epochs: Sequence[int], film: Strip, classes: Sequence[str]) -> list[Frame]:
    """One image's frames; limits of colours are taken over all of its epochs."""
    pictures = {row_name(key): row_pictures(key, values) for key, values in film.rows.items()}
    values = zip(epochs, captions(film, classes), film.right, strict=True)
    return [
        Frame(epoch, caption, right, {name: row[index] for name, row in pictures.items()})
        for index, (epoch, caption, right) in enumerate(values)
    ]
