"""View: each probe image through the epochs, one picture an image at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from pellucid.callbacks.explanations import find_methods
from pellucid.callbacks.figure_logger import FigureLogger
from pellucid.callbacks.snapshot import Snapshot
from pellucid.callbacks.visualizer import Visualizer
from pellucid.draw.explanations import map_picture, strength
from pellucid.draw.film import Frame, choose_frames, film_strip
from pellucid.draw.sheet import DIVERGING, colourise, crossed, number, rgb
from pellucid.inside.capture import Layers, captured, choose_layers
from pellucid.inside.images import Images
from pellucid.inside.trace import has_maps, traced
from pellucid.task.classification import Classification
from pellucid.task.reconstruction import Reconstruction
from pellucid.view.reconstructions import reconstruct

FRAMES, MOST = "film_strip/frames", 32


class FilmStrip(Visualizer):
    """``images`` probe images: prediction, explanation of the true class by ``method``, and one map of
    each of the ``layers`` that have maps (names, or auto); or the reconstruction. A row has its own colours.

    ``method``: auto is Grad-CAM where it is among the run's explainers. Where it cannot explain the net, the
    first that can is taken. What a strip is made of stays in ``figures/film_strip/frames``, so that a resumed
    run shows all its epochs.
    """

    name = "film_strip"

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
        self.check_count("images", images, most=MOST)
        if method == "auto":
            method = "grad_cam"
        elif figures.explainers:
            find_methods(figures, [method], "callbacks.film_strip.method")
        self.images, self.method, self.layers = images, method, layers
        self.explainer: str | None = None
        self.chosen: list[str] = []

    def reason(self, snapshot: Snapshot) -> str | None:
        if isinstance(snapshot.task, Reconstruction):
            return None
        if not isinstance(snapshot.task, Classification):
            return "neither a classifier nor an autoencoder"
        pixels_1CHW = snapshot.reference_images(1).pixels_BCHW
        probe = snapshot.predictor.inputs(pixels_1CHW).to(snapshot.predictor.dtype)
        explainers = snapshot.figures.explainers
        for name in dict.fromkeys([self.method, *explainers]):
            if name in explainers and explainers[name].reason(snapshot.net, probe) is None:
                self.explainer = name
                break
        trace = traced(snapshot.net, probe)
        chosen = choose_layers(snapshot.net, self.layers, probe)
        self.chosen = [layer for layer in chosen if has_maps(trace, layer)]
        return None

    def draw(self, snapshot: Snapshot) -> None:
        probes = snapshot.reference_images(self.images)
        inputs_BCHW = snapshot.predictor.inputs(probes.pixels_BCHW)
        reconstructing = isinstance(snapshot.task, Reconstruction)
        arrays = self._redrawn(snapshot, inputs_BCHW) if reconstructing else self._seen(snapshot, probes)
        snapshot.keep_arrays(arrays, f"{FRAMES}/epoch_{snapshot.epoch:04d}.npz")

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_train_end(trainer, pl_module)
        snapshot = Snapshot(self, trainer, pl_module, epoch=self._finished[0])
        self.guarded(trainer, snapshot.net, lambda: self._draw(snapshot))

    def _frames(self) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
        """The kept epochs with their arrays, in order; files that cannot be read are passed over."""
        for name in sorted(path.name for path in (self.figures.folder / FRAMES).glob("epoch_*.npz")):
            arrays = self.figures.arrays(f"{FRAMES}/{name}")
            if arrays is not None:
                yield epoch_of(name), arrays

    def _redrawn(self, snapshot: Snapshot, inputs_BCHW: Tensor) -> dict[str, np.ndarray]:
        seen = reconstruct(snapshot.predictor, inputs_BCHW)
        outputs_BHWC = np.round(seen.outputs_BHWC * 255).astype(np.uint8)
        return {"image/reconstruction": outputs_BHWC, "mse": seen.errors}

    def _seen(self, snapshot: Snapshot, probes: Images) -> dict[str, np.ndarray]:
        inputs_BCHW = snapshot.predictor.inputs(probes.pixels_BCHW)
        with captured(snapshot.net, self.chosen) as outputs:
            shares_BK = snapshot.predictor.run(inputs_BCHW).softmax(dim=1).cpu()
        confidence_B, predicted_B = shares_BK.max(dim=1)
        _, first = next(self._frames(), (0, {}))
        arrays = {"predicted": predicted_B.numpy(), "confidence": confidence_B.numpy()}
        if self.explainer is not None:
            explainer = snapshot.figures.explainers[self.explainer]
            target_B = probes.labels_B.to(snapshot.predictor.device)
            found = explainer.explain(snapshot.net, inputs_BCHW, target_B, snapshot.predictor.black()[0])
            kind = "signed" if explainer.signed else "unsigned"
            named = (key for key in first if key.startswith(f"{kind}/{explainer.title}"))
            arrays[next(named, f"{kind}/{found.title}")] = found.shown()
        for layer in self.chosen:
            maps_BMHW = outputs[layer].float().cpu().numpy()
            followed = _map_of(layer, maps_BMHW, first)
            arrays[f"map/{layer} map {followed}"] = maps_BMHW[:, followed]
        return arrays

    def _draw(self, snapshot: Snapshot) -> None:
        films = list(self._frames())
        if self._finished[0]:  # a resumed run may have done epochs again that were kept before it was killed
            films = [(epoch, arrays) for epoch, arrays in films if epoch <= self._finished[0]]
        if not films:
            return
        probes = snapshot.reference_images(self.images)
        pixels_BHWC = snapshot.predictor.pixels(probes)
        for place in range(len(probes)):
            frames = self._strip(snapshot, films, place, int(probes.labels_B[place]))
            shown = [frames[i] for i in choose_frames(range(len(frames)))]
            title = f"{probes.names[place]}: {probes.short_files[place]}"
            note = f"{len(shown)} of {films[-1][0]} epochs; a row's colours mean the same in all of them"
            if self.explainer is not None:
                note += f"; explained is the score of {probes.names[place]}"
            picture = film_strip(pixels_BHWC[place], shown, title=title, note=note)
            snapshot.show(picture, f"{self.name}/probe_{place}", file=f"{self.name}/probe_{place}.png")

    def _strip(
        self, snapshot: Snapshot, films: list[tuple[int, dict[str, np.ndarray]]], place: int, label: int
    ) -> list[Frame]:
        """One image's frames; limits of colours are taken over all of its epochs."""
        rows = {key: np.stack([film[key][place] for _, film in films]) for key in films[0][1] if "/" in key}
        pictures = {row_name(key): row_pictures(key, values) for key, values in rows.items()}
        frames = []
        for at, (epoch, film) in enumerate(films):
            caption, right = f"MSE {number(film['mse'][place])}" if "mse" in film else "", None
            if "predicted" in film:
                said = int(film["predicted"][place])
                caption = f"{snapshot.classes[said]} {film['confidence'][place]:.2f}"
                right = said == label
            shown = {name: made[at] for name, made in pictures.items()}
            frames.append(Frame(epoch=epoch, caption=caption, right=right, pictures=shown))
        return frames


def _map_of(layer: str, maps_BMHW: np.ndarray, first: Mapping[str, np.ndarray]) -> int:
    """The map that is followed: that of the first kept epoch; without one the map that varies most."""
    for key in first:
        if key.startswith(f"map/{layer} map "):
            return int(key.rpartition(" ")[2])
    return int(maps_BMHW.std(axis=(0, 2, 3)).argmax())


def epoch_of(name: str) -> int:
    """3 of ``epoch_0003.npz``."""
    return int(name.removesuffix(".npz").rpartition("_")[2])


def row_name(key: str) -> str:
    """What a row of pictures is called, in one or two lines."""
    return key.partition("/")[2].replace(" map ", "\nmap ").replace(" at ", "\nat ")


def row_pictures(key: str, values: np.ndarray) -> list[np.ndarray]:
    """The epochs' arrays of one row, (E, …), as RGB with one scale for all."""
    kind = key.partition("/")[0]
    if kind == "image":
        return [rgb(image) for image in values]
    if kind == "map":
        high = float(np.abs(values).max())
        return [colourise(one, -high, high, DIVERGING) for one in values]
    unit = strength(values)
    return [
        map_picture(one, signed=kind == "signed", unit=unit) if one.any() else crossed(*one.shape)
        for one in values
    ]
