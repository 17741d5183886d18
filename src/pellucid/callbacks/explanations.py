"""View: which pixels speak for the predicted class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch

from pellucid.callbacks.gallery import Gallery
from pellucid.callbacks.view import Look, View
from pellucid.draw.explanations import Column, explanations
from pellucid.errors import UserError
from pellucid.task.classification import Classification

MOST = 64


class Explanations(View):
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
        gallery: Gallery,
    ) -> None:
        super().__init__(every_n_epochs=every_n_epochs, gallery=gallery)
        self.check_count("images", images, most=MOST)
        self.methods = find_methods(gallery, methods, "callbacks.explanations.methods")
        self.images = images
        self.chosen: list[str] = []

    def reason(self, look: Look) -> str | None:
        if not isinstance(look.task, Classification):
            return "not a classifier"
        probe = look.probes(1).images_BCHW
        refused = {m: look.gallery.explainers[m].reason(look.net, probe) for m in self.methods}
        self.chosen = [method for method, why_not in refused.items() if why_not is None]
        for method, why_not in refused.items():
            if why_not is not None and self.chosen:
                look.gallery.leave_out(look.gallery.explainers[method].title, why_not)
        return None if self.chosen else "no method applies"

    def look(self, look: Look) -> None:
        probes = look.probes(self.images)
        scores_BK = look.net(probes.images_BCHW).float().cpu()
        predicted_B = scores_BK.argmax(dim=1)
        columns = {}
        for method in self.chosen:
            explainer = look.gallery.explainers[method]
            found = explainer.explain(look.net, probes.images_BCHW, predicted_B.to(look.device), black(look))
            columns[found.title] = Column(found.shown(), explainer.signed, found.notes)
        titles = [
            f"true {true}, predicted {look.classes[said]}; explained: {look.classes[said]}, "
            f"score {float(scores_K[said]):.2f}"
            for true, said, scores_K in zip(probes.names, predicted_B.tolist(), scores_BK, strict=True)
        ]
        right = (predicted_B == probes.labels_B).tolist()
        look.show(
            explanations(probes.pixels_BHWC, titles, right, columns, title=f"Explanations {look.title}")
        )


def find_methods(gallery: Gallery, methods: Literal["all"] | Sequence[str], key: str) -> list[str]:
    """Names of explainers. Raises UserError for one that the room explainer does not hold."""
    if methods == "all":
        return list(gallery.explainers)
    chosen = [methods] if isinstance(methods, str) else list(methods)
    unknown = [name for name in chosen if name not in gallery.explainers]
    if unknown or not chosen:
        raise UserError(
            f"{key}={methods}: expected all, or names among {', '.join(gallery.explainers) or 'none'} "
            "(those that explainer=… chooses)."
        )
    return chosen


def black(look: Look) -> torch.Tensor:
    """A black image as the net takes it, (C, H, W)."""
    channels, height, width = look.data.spec.image_shape
    pixels_1CHW = torch.zeros(1, channels, height, width, device=look.device)
    return look.data.spec.normalise(pixels_1CHW)[0].to(look.dtype)
