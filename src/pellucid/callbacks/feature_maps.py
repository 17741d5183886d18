"""View: what the layers of a net see in the probe images."""

from __future__ import annotations

from pellucid.callbacks.figure_logger import FigureLogger
from pellucid.callbacks.snapshot import Snapshot
from pellucid.callbacks.visualizer import Visualizer
from pellucid.draw.maps import feature_maps
from pellucid.inside.capture import Layers, captured
from pellucid.inside.trace import layers_with_maps

MOST_MAPS, MOST_IMAGES = 400, 32


class FeatureMaps(Visualizer):
    """The first ``maps`` maps of each of the ``layers`` for ``images`` probe images.

    ``layers``: names, or auto: the first, middle and last convolution. A map is the layer's own output,
    before an activation that follows it. Raises UserError for a layer that has no maps.
    """

    name = "feature_maps"

    def __init__(
        self,
        *,
        layers: Layers = "auto",
        maps: int = 16,
        images: int = 4,
        every_n_epochs: int = 5,
        figures: FigureLogger,
    ) -> None:
        super().__init__(every_n_epochs=every_n_epochs, figures=figures)
        self.check_count("maps", maps, most=MOST_MAPS)
        self.check_count("images", images, most=MOST_IMAGES)
        self.layers, self.maps, self.images = layers, maps, images
        self.chosen: list[str] = []

    def reason(self, snapshot: Snapshot) -> str | None:
        self.chosen = layers_with_maps(
            snapshot.net, self.layers, snapshot.predictor.inputs(snapshot.reference_images(1).pixels_BCHW)
        )
        return None if self.chosen else "no convolutions"

    def draw(self, snapshot: Snapshot) -> None:
        probes = snapshot.reference_images(self.images)
        inputs_BCHW = snapshot.predictor.inputs(probes.pixels_BCHW)
        with captured(snapshot.net, self.chosen) as outputs:
            snapshot.predictor.run(inputs_BCHW)
        for layer in self.chosen:
            snapshot.show(
                feature_maps(
                    snapshot.predictor.pixels(probes),
                    probes.names,
                    outputs[layer].float().cpu().numpy(),
                    shown=self.maps,
                    title=f"{layer} {snapshot.title}",
                ),
                f"{self.name}/{layer}",
            )
