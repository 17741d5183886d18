"""View: the kernels of convolutions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from lightning.pytorch import LightningModule, Trainer
from torch import nn

from pellucid.callbacks.gallery import Gallery
from pellucid.callbacks.view import Look, View
from pellucid.draw.filters import filters, relative_change
from pellucid.errors import UserError
from pellucid.inside.capture import Layers, choose_layers


class Filters(View):
    """Kernels of the ``layers`` (names, or auto: the first, middle and last convolution) and their change.

    At most ``kernels`` are drawn; the change is that of the whole layer. The kernels at the start stay in
    ``figures/filters/start.npz``, so that a resumed run knows them.
    """

    name = "filters"

    def __init__(self, *, layers: Layers, kernels: int, every_n_epochs: int, gallery: Gallery) -> None:
        super().__init__(every_n_epochs=every_n_epochs, gallery=gallery)
        if kernels < 1:
            raise UserError(f"callbacks.filters.kernels={kernels}: expected at least 1.")
        self.layers, self.kernels = layers, kernels
        self.chosen: list[str] = []

    def reason(self, look: Look) -> str | None:
        self.chosen = choose_layers(look.net, self.layers)
        for layer in self.chosen:
            if not isinstance(look.net.get_submodule(layer), nn.Conv2d):
                kind = type(look.net.get_submodule(layer)).__name__
                raise UserError(f"layers: {layer} is a {kind}. Expected a convolution (Conv2d).")
        return None if self.chosen else "no convolutions"

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not self._start().is_file():
            look = Look(self, trainer, pl_module, epoch=0)
            self.guarded(trainer, look.net, lambda: self._keep_start(look))

    def _start(self) -> Path:
        return self.gallery.figures / self.name / "start.npz"

    def _keep_start(self, look: Look) -> None:
        self._start().parent.mkdir(parents=True, exist_ok=True)
        start = {layer: weights_of(look.net, layer) for layer in self.chosen}
        np.savez_compressed(self._start(), **start)  # type: ignore[arg-type]

    def look(self, look: Look) -> None:
        with np.load(self._start()) as start:
            for layer in self.chosen:
                now_OIHW, start_OIHW = weights_of(look.net, layer), start[layer]
                change = relative_change(now_OIHW, start_OIHW)
                look.scalars({f"{self.name}/change/{layer}": change})
                picture = filters(
                    now_OIHW,
                    start_OIHW,
                    kernels=self.kernels,
                    title=f"{layer} {look.title}",
                    change=change,
                )
                look.show(picture, f"{self.name}/{layer}")


def weights_of(net: nn.Module, layer: str) -> np.ndarray:
    """A convolution's weights, outputs × inputs × height × width, float32."""
    weight = net.get_submodule(layer).weight
    array: np.ndarray = weight.detach().float().cpu().numpy()  # type: ignore[operator]
    return array
