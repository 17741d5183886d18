"""View: images and what the autoencoder makes of them."""

from __future__ import annotations

from pellucid.callbacks.figure_logger import FigureLogger
from pellucid.callbacks.snapshot import Snapshot
from pellucid.callbacks.visualizer import Visualizer
from pellucid.draw.reconstructions import extremes, reconstructions
from pellucid.errors import counted
from pellucid.inside.reference import choose_points
from pellucid.view.reconstructions import choose_extremes, reconstruct, squared_errors

MAX_COMPARED = 5000  # validation images among which best, median and worst are sought
EACH, MAX_SHOWN = 4, 20


class Reconstructions(Visualizer):
    """``count`` reference images above their reconstructions; best, median and worst of validation."""

    name = "reconstructions"

    def __init__(self, *, count: int = 10, every_n_epochs: int = 1, figures: FigureLogger) -> None:
        super().__init__(every_n_epochs=every_n_epochs, figures=figures)
        self.check_count("count", count, most=MAX_SHOWN)
        self.count = count

    def reason(self, snapshot: Snapshot) -> str | None:
        return None if snapshot.predictor.reconstructs else "not an autoencoder"

    def draw(self, snapshot: Snapshot) -> None:
        images, spec = snapshot.reference_images(self.count), snapshot.predictor.spec
        reconstructed = reconstruct(snapshot.predictor, snapshot.predictor.inputs(images.pixels_BCHW))
        snapshot.show(
            reconstructions(
                reconstructed.originals_BHWC,
                reconstructed.outputs_BHWC,
                images.names,
                title=f"Reconstructions {snapshot.title}",
                note=spec.noted(f"the same {snapshot.host.split} images in every epoch"),
                bands=spec.bands,
            )
        )
        self._show_extremes(snapshot)

    def _show_extremes(self, snapshot: Snapshot) -> None:
        index_N = choose_points(
            len(snapshot.labels), snapshot.affordable(MAX_COMPARED), snapshot.figures.seed
        )
        errors_N = squared_errors(snapshot.predictor, snapshot.batches(index_N))
        groups = {}
        for name, rows in vars(choose_extremes(errors_N, EACH)).items():
            images = snapshot.images(index_N[rows.copy()])
            captions = [
                f"{label}, {file}" for label, file in zip(images.names, images.short_files, strict=True)
            ]
            reconstructed = reconstruct(snapshot.predictor, snapshot.predictor.inputs(images.pixels_BCHW))
            groups[name] = (reconstructed.originals_BHWC, reconstructed.outputs_BHWC, captions)
        compared = counted(len(index_N), f"{snapshot.host.split} image")
        spec = snapshot.predictor.spec
        picture = extremes(
            groups,
            title=f"Best, median and worst reconstructions {snapshot.title}",
            note=spec.noted(f"of {compared}; mean MSE {errors_N.mean():.4f}"),
            bands=spec.bands,
        )
        snapshot.show(picture, f"{self.name}/extremes")
