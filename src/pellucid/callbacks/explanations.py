"""View: which pixels speak for the predicted class, the likeliest label or the first number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor

from pellucid.callbacks.figure_logger import FigureLogger
from pellucid.callbacks.snapshot import Snapshot
from pellucid.callbacks.visualizer import Visualizer
from pellucid.draw.explanations import Column, explanations
from pellucid.errors import UserError
from pellucid.explainer.base import Explainer
from pellucid.inside.images import UNKNOWN, Images
from pellucid.view.explanations import ExplainedScores, applicable, attributions, explained_scores
from pellucid.view.predictions import known_texts, predicted_texts, right_of

MAX_IMAGES = 64
GRADIENT = 3  # passes of the net, about, that a pass with its gradient takes


class Explanations(Visualizer):
    """``images`` reference images beside their maps by each of the ``methods``.

    ``methods``: all, or names of the config group explainer. Explained is the score before softmax of the
    predicted class, of several labels that of the likeliest, of numbers the first, standardised.
    """

    name = "explanations"

    def __init__(
        self,
        *,
        methods: Literal["all"] | Sequence[str] = "all",
        images: int = 6,
        every_n_epochs: int = 5,
        figures: FigureLogger,
    ) -> None:
        super().__init__(every_n_epochs=every_n_epochs, figures=figures)
        self.check_count("images", images, most=MAX_IMAGES)
        self.methods = find_methods(figures, methods, "callbacks.explanations.methods")
        self.images = images
        self.explainers: dict[str, Explainer] = {}

    def reason(self, snapshot: Snapshot) -> str | None:
        if not snapshot.predictor.has_outputs and not snapshot.predictor.has_score:
            return snapshot.host.no_classes
        explainers = snapshot.figures.explainers
        methods = applicable(snapshot.predictor, {method: explainers[method] for method in self.methods})
        self.explainers = dict(methods.explainers)
        for method, reason in methods.refused.items():
            if self.explainers:
                snapshot.figures.leave_out(explainers[method].title, reason)
        return None if self.explainers else "no method applies"

    def estimate(self, snapshot: Snapshot) -> float:
        predictor = snapshot.predictor
        sides = predictor.spec.image_shape[1:]
        passes = sum(explainer.passes(sides) for explainer in self.explainers.values())
        return super().estimate(snapshot) + GRADIENT * passes * self.images * predictor.seconds_per_image

    def _affordable(self, snapshot: Snapshot) -> dict[str, Explainer]:
        """The cheaper methods, where there is no time for all; at least the cheapest."""
        sides = snapshot.predictor.spec.image_shape[1:]
        passes = {name: explainer.passes(sides) for name, explainer in self.explainers.items()}
        most, chosen = snapshot.effort * sum(passes.values()), list[str]()
        for name in sorted(passes, key=lambda name: passes[name]):
            if not chosen or sum(passes[other] for other in (*chosen, name)) <= most:
                chosen.append(name)
        return {name: explainer for name, explainer in self.explainers.items() if name in chosen}

    def draw(self, snapshot: Snapshot) -> None:
        predictor, explainers = snapshot.predictor, self._affordable(snapshot)
        whole = len(explainers) < len(self.explainers)  # the dear methods were spared
        images = snapshot.reference_images(self.images if whole else snapshot.affordable(self.images))
        inputs_BCHW = predictor.inputs(images.pixels_BCHW)
        scores = explained_scores(predictor, inputs_BCHW, "predicted")
        columns = {
            attribution.maps.title: Column(
                attribution.maps.shown(), self.explainers[method].signed, attribution.maps.notes
            )
            for method, attribution in attributions(predictor, explainers, inputs_BCHW, scores.target_B)
        }
        titles, right = _titles(snapshot, images, inputs_BCHW, scores)
        explained = "the score before softmax"
        if predictor.has_labels:
            explained = "the likeliest label's score before the sigmoid"
        elif predictor.has_numbers:
            explained = f"{snapshot.classes[0]}, standardised,"
        elif predictor.has_score or scores.are_probabilities:
            explained = "the score" if predictor.has_score else "the probability"
        snapshot.show(
            explanations(
                predictor.pixels(images),
                titles,
                right,
                columns,
                title=f"Explanations {snapshot.title}",
                explained=explained,
                about=predictor.spec.shown_as,
            )
        )


def _titles(
    snapshot: Snapshot, images: Images, inputs_BCHW: Tensor, scores: ExplainedScores
) -> tuple[list[str], list[bool | None]]:
    """What is explained of each image, and whether that is its class; None where it is not known."""
    values_B = scores.scores_BK.max(dim=1).values.tolist()
    if snapshot.predictor.has_score:
        return [f"explained: score {value:.3g}" for value in values_B], [None] * len(images)
    if not snapshot.predictor.has_classes:
        values, names = snapshot.predictor.predictions(inputs_BCHW), snapshot.classes
        texts, known = predicted_texts(values, names), known_texts(images, names)
        titles = [
            f"true {true}, predicted {text}; explained: {names[target]}"
            for text, true, target in zip(texts, known, scores.target_B.tolist(), strict=True)
        ]
        return titles, right_of(values, images)
    titles, right = [], list[bool | None]()
    rows = zip(images.names, images.labels_B.tolist(), scores.target_B.tolist(), values_B, strict=True)
    for true, label, target, value in rows:
        name = snapshot.classes[target]
        known = f"true {true}, " if label != UNKNOWN else ""
        titles.append(f"{known}predicted {name}; explained: {name}, score {value:.2f}")
        right.append(None if label == UNKNOWN else target == label)
    return titles, right


def find_methods(figures: FigureLogger, methods: Literal["all"] | Sequence[str], key: str) -> list[str]:
    """Names of explainers. Raises UserError for one that the config group explainer does not hold."""
    if methods == "all":
        return list(figures.explainers)
    names = [methods] if isinstance(methods, str) else list(methods)
    unknown = [name for name in names if name not in figures.explainers]
    if unknown or not names:
        raise UserError(
            f"{key}={methods}: expected all, or names among {', '.join(figures.explainers) or 'none'} "
            "(those that explainer=… chooses)."
        )
    return names
