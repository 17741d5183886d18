"""View: activations, weights and gradients of every layer, as scalars, histograms and one picture."""

from __future__ import annotations

from lightning.pytorch import LightningModule, Trainer
from torch import Tensor
from torch.optim import Optimizer

from pellucid.callbacks.figure_logger import FigureLogger
from pellucid.callbacks.snapshot import Snapshot
from pellucid.callbacks.visualizer import Visualizer
from pellucid.draw.layers import LayerRow, layer_chart
from pellucid.errors import counted
from pellucid.inside.layers import Layers, layers_with_units, select_layers
from pellucid.view.activations import LayerStates, activations, gradient_norms

IMAGES = 256
BINS = 64


class Activations(Visualizer):
    """``layers``: names, or auto: every linear layer, convolution and activation.

    Measured on up to 256 validation images; a unit is dead if it gives all of them the same value.
    Gradients are those of the epoch's last step. Histograms and the picture come every
    ``histogram_every_n_epochs``.
    """

    name, min_effort = "activations", 0.25

    def __init__(
        self,
        *,
        layers: Layers = "auto",
        every_n_epochs: int = 1,
        histogram_every_n_epochs: int = 5,
        figures: FigureLogger,
    ) -> None:
        super().__init__(every_n_epochs=every_n_epochs, figures=figures)
        self.check_count("histogram_every_n_epochs", histogram_every_n_epochs)
        self.layers, self.histogram_every_n_epochs = layers, histogram_every_n_epochs
        self.layer_names: list[str] = []
        self._gradients: dict[str, Tensor] = {}

    def reason(self, snapshot: Snapshot) -> str | None:
        self.layer_names = select_layers(snapshot.net, layers_with_units(snapshot.net), self.layers)
        return None if self.layer_names else "no layers with units"

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        if not self.applies or not trainer.is_global_zero or not trainer.is_last_batch:
            return
        net = self.figures.host.predictor(pl_module).net
        self._gradients = gradient_norms(net, self.layer_names)

    def estimate(self, snapshot: Snapshot) -> float:
        return super().estimate(snapshot) + IMAGES * snapshot.predictor.seconds_per_image

    def draw(self, snapshot: Snapshot) -> None:
        images = snapshot.reference_images(snapshot.affordable(IMAGES))
        states = activations(snapshot.predictor, images, self.layer_names)
        values: dict[str, float] = {}
        for name, activity in states.activity.items():
            values[f"activations/mean/{name}"] = activity.mean
            values[f"activations/std/{name}"] = activity.std
            values[f"activations/dead/{name}"] = activity.dead
        for name, weight in states.weights.items():
            values[f"weights/mean/{name}"] = weight.mean
            values[f"weights/std/{name}"] = weight.std
        gradients = {name: float(norm) for name, norm in self._gradients.items()}
        snapshot.scalars(values | {f"gradients/norm/{name}": norm for name, norm in gradients.items()})
        if snapshot.is_due(self.histogram_every_n_epochs):
            self._histograms(snapshot, states)
            rows = [
                LayerRow(name, layer.mean, layer.std, layer.dead, layer.units, gradients.get(name))
                for name, layer in states.activity.items()
            ]
            images_text = counted(len(images), f"{snapshot.host.split} image")
            note = f"activations of {images_text}, gradients of the epoch's last step"
            snapshot.show(layer_chart(rows, title=f"Layers {snapshot.title}", note=note))

    def _histograms(self, snapshot: Snapshot, states: LayerStates) -> None:
        for writer, _ in snapshot.boards:
            for name, activity in states.activity.items():
                sample = activity.sample_S.cpu().numpy()
                writer.add_histogram(f"activations/{name}", sample, snapshot.step, bins=BINS)
            for name, weight in states.weights.items():
                values = weight.values.cpu().numpy()
                writer.add_histogram(f"weights/{name}", values, snapshot.step, bins=BINS)
