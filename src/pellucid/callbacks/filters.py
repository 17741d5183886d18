"""View: the kernels of convolutions."""

from __future__ import annotations

from pellucid.callbacks.figure_logger import FigureLogger
from pellucid.callbacks.snapshot import Snapshot
from pellucid.callbacks.visualizer import Visualizer
from pellucid.draw.filters import draw_filters
from pellucid.inside.layers import Layers
from pellucid.view.filters import chosen_convolutions, filters, kernels

MAX_KERNELS, START = 4096, "filters/start.npz"


class Filters(Visualizer):
    """Kernels of the ``layers`` (names, or auto: the first, middle and last convolution) and their change.

    At most ``kernels`` are drawn; the change is that of the whole layer. The kernels at the start stay in
    ``figures/filters/start.npz``, so that a resumed run knows them.
    """

    name, kept = "filters", START

    def __init__(
        self, *, layers: Layers = "auto", kernels: int = 256, every_n_epochs: int = 5, figures: FigureLogger
    ) -> None:
        super().__init__(every_n_epochs=every_n_epochs, figures=figures)
        self.check_count("kernels", kernels, most=MAX_KERNELS)
        self.layers, self.kernels = layers, kernels
        self.layer_names: list[str] = []

    def reason(self, snapshot: Snapshot) -> str | None:
        self.layer_names = chosen_convolutions(snapshot.net, self.layers)
        return None if self.layer_names else "no convolutions"

    def begin(self, snapshot: Snapshot) -> None:
        if snapshot.step == 0 and self.figures.arrays(START) is None:
            snapshot.keep_arrays({layer: kernels(snapshot.net, layer) for layer in self.layer_names}, START)

    def draw(self, snapshot: Snapshot) -> None:
        start = self.figures.arrays(START) or {}
        for layer in self.layer_names:
            compared = filters(snapshot.net, layer, start.get(layer))
            if compared.change is not None:
                snapshot.scalars({f"{self.name}/change/{layer}": compared.change})
            picture = draw_filters(
                compared.now_OIHW,
                compared.start_OIHW,
                kernels=self.kernels,
                title=f"{layer} {snapshot.title}",
                change=compared.change,
                is_grouped=bool(snapshot.net.get_submodule(layer).groups != 1),
            )
            snapshot.show(picture, f"{self.name}/{layer}")
