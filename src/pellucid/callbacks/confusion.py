"""View: which classes are taken for which."""

from __future__ import annotations

from pellucid.callbacks.gallery import Gallery
from pellucid.callbacks.view import Look, View
from pellucid.draw.confusion import confusion
from pellucid.errors import plain
from pellucid.metrics.confusion import class_scores, count_confusion, score_texts
from pellucid.task.classification import Classification


class Confusion(View):
    """The confusion matrix of the epoch's validation, scores by class, and the most confused pairs."""

    name = "confusion"

    def __init__(self, *, every_n_epochs: int = 5, gallery: Gallery) -> None:
        super().__init__(every_n_epochs=every_n_epochs, gallery=gallery)

    def reason(self, look: Look) -> str | None:
        return None if isinstance(look.task, Classification) else "not a classifier"

    def look(self, look: Look) -> None:
        predictions = look.predictions
        if predictions is None:  # an epoch without validation
            return
        labels_N, predicted_N = predictions.labels_N.numpy(), predictions.predicted.numpy()
        counts_KK = count_confusion(labels_N, predicted_N, len(look.classes))
        note = f"{look.seen}, accuracy {predictions.accuracy():.4f}; colour: share of the true class's images"
        look.show(confusion(counts_KK, look.classes, title=f"Confusion matrix {look.title}", note=note))
        scores = class_scores(counts_KK)
        rows = [(cell(name), *score_texts(scores, label)) for label, name in enumerate(look.classes)]
        head = "| class | precision | recall | F1 | images |\n|---|--:|--:|--:|--:|\n"
        look.text(head + "\n".join("| " + " | ".join(row) + " |" for row in rows))


def cell(text: str) -> str:
    """A text as one cell of a Markdown table."""
    return plain(text).replace("|", "\\|")
