"""View: what is taken for what: classes, each of several labels, or numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pellucid.callbacks.figure_logger import FigureLogger
from pellucid.callbacks.snapshot import Snapshot
from pellucid.callbacks.visualizer import Visualizer
from pellucid.draw.confusion import draw_confusion
from pellucid.draw.labels import draw_labels
from pellucid.draw.numbers import draw_numbers
from pellucid.errors import plain
from pellucid.metrics.labels import LabelScores
from pellucid.metrics.predictions import Predictions
from pellucid.view.confusion import confusion
from pellucid.view.labels import labels
from pellucid.view.numbers import numbers


class Confusion(Visualizer):
    """The confusion matrix of the epoch's validation, scores by class, and the most confused pairs.

    Of images with several labels how well each is told (``labels``), of numbers predicted against true ones
    (``numbers``).
    """

    name = "confusion"

    def __init__(self, *, every_n_epochs: int = 5, figures: FigureLogger) -> None:
        super().__init__(every_n_epochs=every_n_epochs, figures=figures)

    def reason(self, snapshot: Snapshot) -> str | None:
        if snapshot.predictor.has_labels or snapshot.predictor.has_numbers:
            return None
        if not snapshot.predictor.has_classes:
            return snapshot.host.no_classes
        return None if snapshot.has_labels else "the images' classes are not known"

    def draw(self, snapshot: Snapshot) -> None:
        predictions = snapshot.predictions
        if predictions is None:  # an epoch without validation
            return
        if predictions.has_labels:
            self._show_labels(snapshot, labels(predictions, snapshot.classes))
        elif predictions.has_numbers:
            found = numbers(predictions, snapshot.classes)
            title = f"Predicted against true {snapshot.title}"
            picture = draw_numbers(
                found.predicted_NK, found.true_NK, found.scores, title=title, note=snapshot.seen
            )
            snapshot.show(picture, "numbers")
        else:
            self._show_classes(snapshot, predictions)

    def _show_labels(self, snapshot: Snapshot, scores: LabelScores) -> None:
        note = f"{snapshot.seen}, on which thresholds were chosen, so that F1 is optimistic"
        snapshot.show(draw_labels(scores, title=f"Each label {snapshot.title}", note=note), "labels")
        snapshot.text(_table(("label", *scores.heads), scores.labels, scores.texts))

    def _show_classes(self, snapshot: Snapshot, predictions: Predictions) -> None:
        matrix = confusion(predictions, snapshot.classes)
        note = f"{snapshot.seen}, accuracy {predictions.accuracy():.4f}; "
        note += "colour: share of the true class's images"
        snapshot.show(draw_confusion(matrix, title=f"Confusion matrix {snapshot.title}", note=note))
        heads = ("class", "precision", "recall", "F1", "images")
        snapshot.text(_table(heads, matrix.classes, matrix.texts))


def _table(heads: Sequence[str], names: Sequence[str], texts: Callable[[int], Sequence[str]]) -> str:
    """In Markdown, a row a name."""
    rows = [(cell(name), *texts(index)) for index, name in enumerate(names)]
    head = f"| {' | '.join(heads)} |\n|---|{'--:|' * (len(heads) - 1)}\n"
    return head + "\n".join("| " + " | ".join(row) + " |" for row in rows)


def cell(text: str) -> str:
    """A text as one cell of a Markdown table."""
    return plain(text).replace("|", "\\|")
