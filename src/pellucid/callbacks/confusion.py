"""View: which classes are taken for which."""

from __future__ import annotations

from pellucid.callbacks.view import Look, View
from pellucid.draw.confusion import class_scores, confusion, count_confusion
from pellucid.task.classification import Classification


class Confusion(View):
    """The confusion matrix of the epoch's validation, scores by class, and the most confused pairs."""

    name = "confusion"

    def reason(self, look: Look) -> str | None:
        return None if isinstance(look.task, Classification) else "not a classifier"

    def look(self, look: Look) -> None:
        verdicts = look.verdicts
        if verdicts is None:  # an epoch without validation
            return
        counts_KK = count_confusion(verdicts.true_N.numpy(), verdicts.predicted_N.numpy(), len(look.classes))
        note = f"{len(verdicts):,} validation images, accuracy {verdicts.accuracy():.4f}"
        look.show(confusion(counts_KK, look.classes, title=f"Confusion matrix {look.title}", note=note))
        scores = class_scores(counts_KK)
        look.text(
            "| class | precision | recall | F1 | images |\n|---|--:|--:|--:|--:|\n"
            + "\n".join(
                f"| {name} | {precision:.3f} | {recall:.3f} | {f1:.3f} | {images} |"
                for name, precision, recall, f1, images in zip(
                    look.classes,
                    scores.precision_K,
                    scores.recall_K,
                    scores.f1_K,
                    scores.images_K,
                    strict=True,
                )
            )
        )
