"""View: each probe image through the epochs, one picture an image at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from lightning.pytorch import LightningModule, Trainer

from pellucid.callbacks.explanations import black, find_methods
from pellucid.callbacks.gallery import Gallery
from pellucid.callbacks.reconstructions import redraw
from pellucid.callbacks.view import Look, Probes, View
from pellucid.draw.explanations import map_picture, strength
from pellucid.draw.film import Frame, choose_frames, film_strip
from pellucid.draw.sheet import DIVERGING, colourise, crossed, number, rgb
from pellucid.inside.capture import Layers, captured, choose_layers
from pellucid.inside.trace import has_maps, traced
from pellucid.task.classification import Classification
from pellucid.task.reconstruction import Reconstruction

FRAMES, MOST = "film_strip/frames", 32


class FilmStrip(View):
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
        gallery: Gallery,
    ) -> None:
        super().__init__(every_n_epochs=every_n_epochs, gallery=gallery)
        self.check_count("images", images, most=MOST)
        if method == "auto":
            method = "grad_cam"
        elif gallery.explainers:
            find_methods(gallery, [method], "callbacks.film_strip.method")
        self.images, self.method, self.layers = images, method, layers
        self.explainer: str | None = None
        self.chosen: list[str] = []

    def reason(self, look: Look) -> str | None:
        if isinstance(look.task, Reconstruction):
            return None
        if not isinstance(look.task, Classification):
            return "neither a classifier nor an autoencoder"
        probe = look.probes(1).images_BCHW
        explainers = look.gallery.explainers
        for name in dict.fromkeys([self.method, *explainers]):
            if name in explainers and explainers[name].reason(look.net, probe) is None:
                self.explainer = name
                break
        trace = traced(look.net, probe)
        chosen = choose_layers(look.net, self.layers, probe)
        self.chosen = [layer for layer in chosen if has_maps(trace, layer)]
        return None

    def look(self, look: Look) -> None:
        probes = look.probes(self.images)
        reconstructing = isinstance(look.task, Reconstruction)
        arrays = self._redrawn(look, probes) if reconstructing else self._seen(look, probes)
        look.keep_arrays(arrays, f"{FRAMES}/epoch_{look.epoch:04d}.npz")

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_train_end(trainer, pl_module)
        look = Look(self, trainer, pl_module, epoch=self._finished[0])
        self.guarded(trainer, look.net, lambda: self._draw(look))

    def _frames(self) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
        """The kept epochs with their arrays, in order; files that cannot be read are passed over."""
        for name in sorted(path.name for path in (self.gallery.figures / FRAMES).glob("epoch_*.npz")):
            arrays = self.gallery.arrays(f"{FRAMES}/{name}")
            if arrays is not None:
                yield epoch_of(name), arrays

    def _redrawn(self, look: Look, probes: Probes) -> dict[str, np.ndarray]:
        originals, redrawn = redraw(look, probes.images_BCHW)
        errors_B = ((originals - redrawn) ** 2).mean(axis=(1, 2, 3))
        return {"image/reconstruction": np.round(redrawn * 255).astype(np.uint8), "mse": errors_B}

    def _seen(self, look: Look, probes: Probes) -> dict[str, np.ndarray]:
        with captured(look.net, self.chosen) as outputs:
            shares_BK = look.net(probes.images_BCHW).float().softmax(dim=1).cpu()
        confidence_B, predicted_B = shares_BK.max(dim=1)
        _, first = next(self._frames(), (0, {}))
        arrays = {"predicted": predicted_B.numpy(), "confidence": confidence_B.numpy()}
        if self.explainer is not None:
            explainer = look.gallery.explainers[self.explainer]
            target_B = probes.labels_B.to(look.device)
            found = explainer.explain(look.net, probes.images_BCHW, target_B, black(look))
            kind = "signed" if explainer.signed else "unsigned"
            named = (key for key in first if key.startswith(f"{kind}/{explainer.title}"))
            arrays[next(named, f"{kind}/{found.title}")] = found.shown()
        for layer in self.chosen:
            maps_BMHW = outputs[layer].float().cpu().numpy()
            followed = _map_of(layer, maps_BMHW, first)
            arrays[f"map/{layer} map {followed}"] = maps_BMHW[:, followed]
        return arrays

    def _draw(self, look: Look) -> None:
        films = list(self._frames())
        if self._finished[0]:  # a resumed run may have done epochs again that were kept before it was killed
            films = [(epoch, arrays) for epoch, arrays in films if epoch <= self._finished[0]]
        if not films:
            return
        probes = look.probes(self.images)
        for place in range(len(probes)):
            frames = self._strip(look, films, place, int(probes.labels_B[place]))
            shown = [frames[i] for i in choose_frames(range(len(frames)))]
            title = f"{probes.names[place]}: {probes.files[place]}"
            note = f"{len(shown)} of {films[-1][0]} epochs; a row's colours mean the same in all of them"
            if self.explainer is not None:
                note += f"; explained is the score of {probes.names[place]}"
            picture = film_strip(probes.pixels_BHWC[place], shown, title=title, note=note)
            look.show(picture, f"{self.name}/probe_{place}", file=f"{self.name}/probe_{place}.png")

    def _strip(
        self, look: Look, films: list[tuple[int, dict[str, np.ndarray]]], place: int, label: int
    ) -> list[Frame]:
        """One image's frames; limits of colours are taken over all of its epochs."""
        rows = {key: np.stack([film[key][place] for _, film in films]) for key in films[0][1] if "/" in key}
        pictures = {row_name(key): row_pictures(key, values) for key, values in rows.items()}
        frames = []
        for at, (epoch, film) in enumerate(films):
            caption, right = f"MSE {number(film['mse'][place])}" if "mse" in film else "", None
            if "predicted" in film:
                said = int(film["predicted"][place])
                caption = f"{look.classes[said]} {film['confidence'][place]:.2f}"
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
