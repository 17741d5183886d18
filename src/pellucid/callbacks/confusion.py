"""View: which classes are taken for which."""

from __future__ import annotations

from pellucid.callbacks.figure_logger import FigureLogger
from pellucid.callbacks.visualizer import Snapshot, Visualizer
from pellucid.draw.confusion import confusion
from pellucid.errors import plain
from pellucid.metrics.confusion import class_scores, count_confusion, score_texts
from pellucid.task.classification import Classification


class Confusion(Visualizer):
    """The confusion matrix of the epoch's validation, scores by class, and the most confused pairs."""

    name = "confusion"

    def __init__(self, *, every_n_epochs: int = 5, figures: FigureLogger) -> None:
        super().__init__(every_n_epochs=every_n_epochs, figures=figures)

    def reason(self, snapshot: Snapshot) -> str | None:
        return None if isinstance(snapshot.task, Classification) else "not a classifier"

    def draw(self, snapshot: Snapshot) -> None:
        predictions = snapshot.predictions
        if predictions is None:  # an epoch without validation
            return
        labels_N, predicted_N = predictions.labels_N.numpy(), predictions.predicted.numpy()
        classes = snapshot.classes
        counts_KK = count_confusion(labels_N, predicted_N, len(classes))
        note = f"{snapshot.seen}, accuracy {predictions.accuracy():.4f}; "
        note += "colour: share of the true class's images"
        snapshot.show(confusion(counts_KK, classes, title=f"Confusion matrix {snapshot.title}", note=note))
        scores = class_scores(counts_KK)
        rows = [(cell(name), *score_texts(scores, label)) for label, name in enumerate(classes)]
        head = "| class | precision | recall | F1 | images |\n|---|--:|--:|--:|--:|\n"
        snapshot.text(head + "\n".join("| " + " | ".join(row) + " |" for row in rows))


def cell(text: str) -> str:
    """A text as one cell of a Markdown table."""
    return plain(text).replace("|", "\\|")
