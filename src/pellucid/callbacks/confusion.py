"""View: which classes are taken for which."""

from __future__ import annotations

from pellucid.callbacks.figure_logger import FigureLogger
from pellucid.callbacks.snapshot import Snapshot
from pellucid.callbacks.visualizer import Visualizer
from pellucid.draw.confusion import draw_confusion
from pellucid.errors import plain
from pellucid.view.confusion import confusion


class Confusion(Visualizer):
    """The confusion matrix of the epoch's validation, scores by class, and the most confused pairs."""

    name = "confusion"

    def __init__(self, *, every_n_epochs: int = 5, figures: FigureLogger) -> None:
        super().__init__(every_n_epochs=every_n_epochs, figures=figures)

    def reason(self, snapshot: Snapshot) -> str | None:
        if not snapshot.predictor.has_classes:
            return snapshot.host.no_classes
        return None if snapshot.has_labels else "the images' classes are not known"

    def draw(self, snapshot: Snapshot) -> None:
        predictions = snapshot.predictions
        if predictions is None:  # an epoch without validation
            return
        matrix = confusion(predictions, snapshot.classes)
        note = f"{snapshot.seen}, accuracy {predictions.accuracy():.4f}; "
        note += "colour: share of the true class's images"
        snapshot.show(draw_confusion(matrix, title=f"Confusion matrix {snapshot.title}", note=note))
        rows = [(cell(name), *matrix.texts(label)) for label, name in enumerate(matrix.classes)]
        head = "| class | precision | recall | F1 | images |\n|---|--:|--:|--:|--:|\n"
        snapshot.text(head + "\n".join("| " + " | ".join(row) + " |" for row in rows))


def cell(text: str) -> str:
    """A text as one cell of a Markdown table."""
    return plain(text).replace("|", "\\|")
