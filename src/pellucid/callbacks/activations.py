"""View: activations, weights and gradients of every layer, as scalars, histograms and one picture."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor
from torch.optim import Optimizer

from pellucid.callbacks.gallery import Gallery
from pellucid.callbacks.view import Look, View
from pellucid.draw.layers import LayerRow, layer_chart
from pellucid.errors import counted
from pellucid.inside.capture import Layers, choose_layers
from pellucid.inside.statistics import Activity, layers_with_units, measured

IMAGES = 256
BINS = 64


class Activations(View):
    """``layers``: names, or auto: every linear layer, convolution and activation.

    Measured on up to 256 validation images; a unit is dead if it gives all of them the same value.
    Gradients are those of the epoch's last step. Histograms and the picture come every
    ``histogram_every_n_epochs``.
    """

    name = "activations"

    def __init__(
        self,
        *,
        layers: Layers = "auto",
        every_n_epochs: int = 1,
        histogram_every_n_epochs: int = 5,
        gallery: Gallery,
    ) -> None:
        super().__init__(every_n_epochs=every_n_epochs, gallery=gallery)
        self.check_count("histogram_every_n_epochs", histogram_every_n_epochs)
        self.layers, self.histogram_every_n_epochs = layers, histogram_every_n_epochs
        self.chosen: list[str] = []
        self._gradients: dict[str, Tensor] = {}

    def reason(self, look: Look) -> str | None:
        auto = self.layers == "auto"
        self.chosen = layers_with_units(look.net) if auto else choose_layers(look.net, self.layers)
        return None if self.chosen else "no layers with units"

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        if not self._applies or not trainer.is_global_zero or not trainer.is_last_batch:
            return
        look = Look(self, trainer, pl_module, epoch=trainer.current_epoch + 1)
        self._gradients = {}
        for name, weight in weights(look, self.chosen).items():
            if weight.grad is not None:
                self._gradients[name] = weight.grad.detach().norm()

    def look(self, look: Look) -> None:
        probes = look.probes(IMAGES)
        with measured(look.net, self.chosen) as found:
            look.net(probes.images_BCHW)
        trained = weights(look, self.chosen)
        values: dict[str, float] = {}
        for name, activity in found.items():
            values[f"activations/mean/{name}"] = activity.mean
            values[f"activations/std/{name}"] = activity.std
            values[f"activations/dead/{name}"] = activity.dead
        for name, weight in trained.items():
            values[f"weights/mean/{name}"] = float(weight.float().mean())
            values[f"weights/std/{name}"] = float(weight.float().std(correction=0))
        gradients = {name: float(norm) for name, norm in self._gradients.items()}
        look.scalars(values | {f"gradients/norm/{name}": norm for name, norm in gradients.items()})
        if look.is_due(self.histogram_every_n_epochs):
            self._histograms(look, found, trained)
            rows = [
                LayerRow(name, one.mean, one.std, one.dead, one.units, gradients.get(name))
                for name, one in found.items()
            ]
            seen = counted(len(probes), "validation image")
            note = f"activations of {seen}, gradients of the epoch's last step"
            look.show(layer_chart(rows, title=f"Layers {look.title}", note=note))

    def _histograms(self, look: Look, found: dict[str, Activity], trained: dict[str, Any]) -> None:
        for writer, _ in look.boards:
            for name, activity in found.items():
                writer.add_histogram(f"activations/{name}", activity.sample, look.step, bins=BINS)
            for name, weight in trained.items():
                values = weight.detach().float().cpu().numpy()
                writer.add_histogram(f"weights/{name}", values, look.step, bins=BINS)


def weights(look: Look, layers: list[str]) -> dict[str, torch.nn.Parameter]:
    """The weight of each of the layers that has one."""
    named = dict(look.net.named_parameters())
    return {name: named[f"{name}.weight"] for name in layers if f"{name}.weight" in named}
