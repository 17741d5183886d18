"""View: predictions of the reference images, and the most confident mistakes."""

from __future__ import annotations

from pellucid.callbacks.figure_logger import FigureLogger
from pellucid.callbacks.snapshot import Snapshot
from pellucid.callbacks.visualizer import Visualizer
from pellucid.draw.grid import image_grid
from pellucid.errors import counted
from pellucid.inside.predictor import Predictor
from pellucid.metrics import predictions as metrics
from pellucid.view.mistakes import Mistakes, mistakes
from pellucid.view.predictions import name_classes, predict_images

MAX_IMAGES = 200


class Predictions(Visualizer):
    """``count`` reference images, and as many of validation's most confident mistakes with their files; of
    several labels or numbers of the images with the largest loss.
    """

    name = "predictions"
    cheap = True

    def __init__(self, *, count: int = 20, every_n_epochs: int = 1, figures: FigureLogger) -> None:
        super().__init__(every_n_epochs=every_n_epochs, figures=figures)
        self.check_count("count", count, most=MAX_IMAGES)
        self.count = count

    def reason(self, snapshot: Snapshot) -> str | None:
        return None if snapshot.predictor.has_outputs else snapshot.host.no_classes

    def draw(self, snapshot: Snapshot) -> None:
        images = snapshot.reference_images(self.count)
        predicted = predict_images(snapshot.predictor, images)
        known = [right for right in predicted.right if right is not None]
        note = predicted_and_true(snapshot.predictor)
        if not known and images.targets_BK is None:
            note = note.partition(" (")[0]
        note += f"; {sum(known)} of {len(known)} are right" if known else ""
        snapshot.show(
            image_grid(
                snapshot.predictor.pixels(images),
                predicted.captions,
                title=f"Predictions {snapshot.title}",
                note=snapshot.predictor.spec.noted(note),
                right=predicted.right,
            )
        )
        if snapshot.predictions is not None and snapshot.predictions.targets_NK is not None:
            self._show_worst(snapshot, snapshot.predictions)
        elif snapshot.predictions is not None and snapshot.has_labels:
            self._show_mistakes(snapshot, mistakes(snapshot.predictions, snapshot.classes, self.count))

    def _show_worst(self, snapshot: Snapshot, predictions: metrics.Predictions) -> None:
        worst = predictions.worst(self.count)
        images, predicted = snapshot.images(worst.index_N), name_classes(worst, snapshot.classes)
        snapshot.show(
            image_grid(
                snapshot.predictor.pixels(images),
                predicted.captions,
                title=f"Largest losses {snapshot.title}",
                note=f"{predicted_and_true(snapshot.predictor)}; {snapshot.seen}",
                right=predicted.right,
                files=images.short_files,
            ),
            f"{self.name}/worst",
        )

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


def predicted_and_true(predictor: Predictor) -> str:
    """What captions say, for a note."""
    if predictor.has_labels:
        return "predicted labels, probability (true labels)"
    return "predicted (true)" if predictor.has_numbers else "predicted class, confidence (true class)"
