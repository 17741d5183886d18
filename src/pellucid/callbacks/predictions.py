"""View: what the net says of the probe images, and where it is most confidently wrong."""

from __future__ import annotations

from pellucid.callbacks.gallery import Gallery
from pellucid.callbacks.view import Look, View
from pellucid.draw.grid import image_grid
from pellucid.errors import counted
from pellucid.task.classification import Classification

MOST = 200


class Predictions(View):
    """``count`` probe images, and as many of validation's most confident mistakes with their files."""

    name = "predictions"

    def __init__(self, *, count: int = 20, every_n_epochs: int = 1, gallery: Gallery) -> None:
        super().__init__(every_n_epochs=every_n_epochs, gallery=gallery)
        self.check_count("count", count, most=MOST)
        self.count = count

    def reason(self, look: Look) -> str | None:
        return None if isinstance(look.task, Classification) else "not a classifier"

    def look(self, look: Look) -> None:
        probes = look.probes(self.count)
        shares_BK = look.net(probes.images_BCHW).float().softmax(dim=1).cpu()
        confidence_B, predicted_B = shares_BK.max(dim=1)
        said = [look.classes[label] for label in predicted_B.tolist()]
        right = (predicted_B == probes.labels_B).tolist()
        look.show(
            image_grid(
                probes.pixels_BHWC,
                [
                    f"{one} {share:.2f}\n({true})"
                    for one, true, share in zip(said, probes.names, confidence_B.tolist(), strict=True)
                ],
                title=f"Predictions {look.title}",
                note=f"predicted class, confidence (true class); {sum(right)} of {len(right)} are right",
                right=right,
            )
        )
        if look.predictions is not None:
            self._show_mistakes(look)

    def _show_mistakes(self, look: Look) -> None:
        assert look.predictions is not None
        worst = look.predictions.worst_mistakes(self.count)
        mistakes = look.images("val", worst.index_N)
        wrong = int((~look.predictions.right()).sum())
        captions = [
            f"{look.classes[said]} {share:.2f}\n({true})"
            for said, true, share in zip(
                worst.predicted.tolist(), mistakes.names, worst.confidence.tolist(), strict=True
            )
        ]
        look.show(
            image_grid(
                mistakes.pixels_BHWC,
                captions,
                title=f"Most confident mistakes {look.title}",
                note=f"predicted class, confidence (true class); {counted(wrong, 'mistake')} in {look.seen}",
                right=[False] * len(mistakes),
                files=mistakes.files,
            ),
            f"{self.name}/mistakes",
        )
