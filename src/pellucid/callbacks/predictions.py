"""View: predictions of the reference images, and the most confident mistakes."""

from __future__ import annotations

from pellucid.callbacks.figure_logger import FigureLogger
from pellucid.callbacks.snapshot import Snapshot
from pellucid.callbacks.visualizer import Visualizer
from pellucid.draw.grid import image_grid
from pellucid.errors import counted
from pellucid.view.mistakes import Mistakes, mistakes
from pellucid.view.predictions import predict_images

MAX_IMAGES = 200


class Predictions(Visualizer):
    """``count`` reference images, and as many of validation's most confident mistakes with their files."""

    name = "predictions"
    cheap = True

    def __init__(self, *, count: int = 20, every_n_epochs: int = 1, figures: FigureLogger) -> None:
        super().__init__(every_n_epochs=every_n_epochs, figures=figures)
        self.check_count("count", count, most=MAX_IMAGES)
        self.count = count

    def reason(self, snapshot: Snapshot) -> str | None:
        return None if snapshot.predictor.has_classes else snapshot.host.no_classes

    def draw(self, snapshot: Snapshot) -> None:
        images = snapshot.reference_images(self.count)
        predicted = predict_images(snapshot.predictor, images)
        known = [right for right in predicted.right if right is not None]
        note = "predicted class, confidence"
        note += f" (true class); {sum(known)} of {len(known)} are right" if known else ""
        snapshot.show(
            image_grid(
                snapshot.predictor.pixels(images),
                predicted.captions,
                title=f"Predictions {snapshot.title}",
                note=snapshot.predictor.spec.noted(note),
                right=predicted.right,
            )
        )
        if snapshot.predictions is not None and snapshot.has_labels:
            self._show_mistakes(snapshot, mistakes(snapshot.predictions, snapshot.classes, self.count))

    def _show_mistakes(self, snapshot: Snapshot, worst: Mistakes) -> None:
        images = snapshot.images(worst.index_N)
        note = (
            f"predicted class, confidence (true class); {counted(worst.total, 'mistake')} in {snapshot.seen}"
        )
        snapshot.show(
            image_grid(
                snapshot.predictor.pixels(images),
                worst.images.captions,
                title=f"Most confident mistakes {snapshot.title}",
                note=snapshot.predictor.spec.noted(note),
                right=worst.images.right,
                files=images.short_files,
            ),
            f"{self.name}/mistakes",
        )
