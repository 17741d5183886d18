"""View: which pixels speak for the predicted class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pellucid.callbacks.figure_logger import FigureLogger
from pellucid.callbacks.snapshot import Snapshot
from pellucid.callbacks.visualizer import Visualizer
from pellucid.draw.explanations import Column, explanations
from pellucid.errors import UserError
from pellucid.task.classification import Classification

MOST = 64


class Explanations(Visualizer):
    """``images`` probe images beside their maps by each of the ``methods``, names of the room explainer.

    ``methods``: all, or a list. Explained is the score before softmax of the predicted class.
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
        self.check_count("images", images, most=MOST)
        self.methods = find_methods(figures, methods, "callbacks.explanations.methods")
        self.images = images
        self.chosen: list[str] = []

    def reason(self, snapshot: Snapshot) -> str | None:
        if not isinstance(snapshot.task, Classification):
            return "not a classifier"
        probe = snapshot.predictor.inputs(snapshot.reference_images(1).pixels_BCHW)
        refused = {m: snapshot.figures.explainers[m].reason(snapshot.net, probe) for m in self.methods}
        self.chosen = [method for method, why_not in refused.items() if why_not is None]
        for method, why_not in refused.items():
            if why_not is not None and self.chosen:
                snapshot.figures.leave_out(snapshot.figures.explainers[method].title, why_not)
        return None if self.chosen else "no method applies"

    def draw(self, snapshot: Snapshot) -> None:
        probes = snapshot.reference_images(self.images)
        inputs_BCHW = snapshot.predictor.inputs(probes.pixels_BCHW)
        scores_BK = snapshot.predictor.run(inputs_BCHW).cpu()
        predicted_B = scores_BK.argmax(dim=1)
        columns = {}
        for method in self.chosen:
            explainer = snapshot.figures.explainers[method]
            found = explainer.explain(
                snapshot.net,
                inputs_BCHW,
                predicted_B.to(snapshot.predictor.device),
                snapshot.predictor.black()[0],
            )
            columns[found.title] = Column(found.shown(), explainer.signed, found.notes)
        titles = [
            f"true {true}, predicted {snapshot.classes[said]}; explained: {snapshot.classes[said]}, "
            f"score {float(scores_K[said]):.2f}"
            for true, said, scores_K in zip(probes.names, predicted_B.tolist(), scores_BK, strict=True)
        ]
        right = (predicted_B == probes.labels_B).tolist()
        snapshot.show(
            explanations(
                snapshot.predictor.pixels(probes),
                titles,
                right,
                columns,
                title=f"Explanations {snapshot.title}",
            )
        )


def find_methods(figures: FigureLogger, methods: Literal["all"] | Sequence[str], key: str) -> list[str]:
    """Names of explainers. Raises UserError for one that the room explainer does not hold."""
    if methods == "all":
        return list(figures.explainers)
    chosen = [methods] if isinstance(methods, str) else list(methods)
    unknown = [name for name in chosen if name not in figures.explainers]
    if unknown or not chosen:
        raise UserError(
            f"{key}={methods}: expected all, or names among {', '.join(figures.explainers) or 'none'} "
            "(those that explainer=… chooses)."
        )
    return chosen
