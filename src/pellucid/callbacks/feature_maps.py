"""View: feature maps of the reference images."""

from __future__ import annotations

from pellucid.callbacks.figure_logger import FigureLogger
from pellucid.callbacks.snapshot import Snapshot
from pellucid.callbacks.visualizer import Visualizer
from pellucid.draw.maps import draw_feature_maps
from pellucid.inside.layers import Layers
from pellucid.view.feature_maps import feature_maps, mapped_layers

MAX_MAPS, MAX_IMAGES = 400, 32


class FeatureMaps(Visualizer):
    """The first ``maps`` maps of each of the ``layers`` for ``images`` reference images.

    ``layers``: names, or auto: the first, middle and last convolution. A map is the layer's own output,
    before an activation that follows it. Raises UserError for a layer that has no maps.
    """

    name = "feature_maps"
    cheap = True

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
        self.check_count("maps", maps, most=MAX_MAPS)
        self.check_count("images", images, most=MAX_IMAGES)
        self.layers, self.maps, self.images = layers, maps, images
        self.layer_names: list[str] = []

    def reason(self, snapshot: Snapshot) -> str | None:
        self.layer_names = mapped_layers(snapshot.predictor, self.layers)
        return None if self.layer_names else "no convolutions"

    def draw(self, snapshot: Snapshot) -> None:
        images, predictor = snapshot.reference_images(self.images), snapshot.predictor
        pixels = predictor.pixels(images)
        for output in feature_maps(predictor, predictor.inputs(images.pixels_BCHW), self.layer_names):
            title = f"{output.layer} {snapshot.title}"
            snapshot.show(
                draw_feature_maps(
                    pixels,
                    images.names,
                    output.values,
                    shown=self.maps,
                    title=title,
                    about=predictor.spec.shown_as,
                ),
                f"{self.name}/{output.layer}",
            )
