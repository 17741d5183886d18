"""Writers of what is seen of image files: figures and arrays of each, a table of all."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from pellucid.commands.explain.names import OutputNames
from pellucid.draw.maps import draw_feature_maps
from pellucid.draw.png import write_png
from pellucid.draw.reconstructions import extremes
from pellucid.draw.sheet import Picture
from pellucid.engine.loaded_run import LoadedRun
from pellucid.errors import counted, plain
from pellucid.inside.layers import Layers
from pellucid.inside.predictor import Predictor
from pellucid.run.folder import quoted
from pellucid.system.console import console
from pellucid.view.feature_maps import feature_maps, mapped_layers
from pellucid.view.reconstructions import reconstruct

log = logging.getLogger(__name__)

MAX_SHOWN = 20  # images that are told of on the console


class Writer(ABC):
    """Explanations of one kind of net: the files of each image, and the ``rows`` of the file ``table``."""

    table: str

    def __init__(self, run: LoadedRun, predictor: Predictor, folder: Path, names: OutputNames) -> None:
        self.predictor, self.run, self.folder, self.names = predictor, run, folder, names
        self.rows: list[dict[str, Any]] = []
        self.said: list[tuple[str, str]] = []  # what is predicted of each image, and its picture

    def add_picture(self, file: Path, said: str, picture: Picture) -> None:
        """Write the picture of an image, of which that is said."""
        path = self.folder / f"{self.names.name(file)}.png"
        write_png(path, picture)
        self.said.append((plain(said), plain(quoted(path))))

    def tell(self) -> None:
        """What is predicted of each image, and the picture to open."""
        console.rows(self.said[:MAX_SHOWN], wrap=False)
        if len(self.said) > MAX_SHOWN:
            log.info("… and %d more.", len(self.said) - MAX_SHOWN)

    @abstractmethod
    def batch(self, files: Sequence[Path], images_BCHW: Tensor) -> Iterator[float]:
        """Explain these images; yields how much of it is done, up to 1."""

    @abstractmethod
    def summarise(self) -> None:
        """Tell of all images on the console."""


class ErrorWriter(Writer):
    """Reconstructions of an autoencoder, with where their error is."""

    table = "errors.csv"

    def batch(self, files: Sequence[Path], images_BCHW: Tensor) -> Iterator[float]:
        reconstructed = reconstruct(self.predictor, images_BCHW)
        for position, (file, error) in enumerate(zip(files, reconstructed.errors.tolist(), strict=True)):
            rows = slice(position, position + 1)
            self.rows.append({"file": str(file), "mse": error})
            groups = {"": (reconstructed.originals_BHWC[rows], reconstructed.outputs_BHWC[rows], [""])}
            title = f"{self.names.shown(file)}, {self.run.name}"
            spec = self.run.spec
            picture = extremes(groups, title=title, note=spec.shown_as, bands=spec.bands)
            self.add_picture(file, f"mean squared error {error:.4f}", picture)
            yield (position + 1) / len(files)

    def summarise(self) -> None:
        errors = [row["mse"] for row in self.rows]
        log.info("Mean squared error of %s: %.4f.", counted(len(errors), "image"), np.mean(errors))


class FeatureMapWriter:
    """Feature maps of the chosen layers, as figures. Raises UserError for a layer that has no maps."""

    def __init__(
        self, run: LoadedRun, predictor: Predictor, layers: Layers, folder: Path, names: OutputNames
    ) -> None:
        # In the arithmetic of the weights, as they are explained, also where the run was of mixed precision.
        self.predictor = replace(predictor, precision=nullcontext)
        self.run, self.folder, self.names = run, folder, names
        self.layers = mapped_layers(predictor, layers)
        if not self.layers:
            log.info("Left out: feature maps (no convolutions).")

    def write(self, files: Sequence[Path], images_BCHW: Tensor) -> None:
        photos_BHWC = self.predictor.shown(images_BCHW)
        for output in feature_maps(self.predictor, images_BCHW, self.layers):
            for position, file in enumerate(files):
                rows = slice(position, position + 1)
                title = f"{output.layer}, {self.names.shown(file)}, {self.run.name}"
                picture = draw_feature_maps(
                    photos_BHWC[rows],
                    [""],
                    output.values[rows],
                    shown=16,
                    title=title,
                    about=self.run.spec.shown_as,
                )
                write_png(self.folder / f"{self.names.name(file)}_{output.layer}.png", picture)
