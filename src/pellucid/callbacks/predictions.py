"""View: what the net says of the probe images, and where it is most confidently wrong."""

from __future__ import annotations

from pellucid.callbacks.figure_logger import FigureLogger
from pellucid.callbacks.snapshot import Snapshot
from pellucid.callbacks.visualizer import Visualizer
from pellucid.draw.grid import image_grid
from pellucid.errors import counted
from pellucid.task.classification import Classification

MOST = 200


class Predictions(Visualizer):
    """``count`` probe images, and as many of validation's most confident mistakes with their files."""

    name = "predictions"

    def __init__(self, *, count: int = 20, every_n_epochs: int = 1, figures: FigureLogger) -> None:
        super().__init__(every_n_epochs=every_n_epochs, figures=figures)
        self.check_count("count", count, most=MOST)
        self.count = count

    def reason(self, snapshot: Snapshot) -> str | None:
        return None if isinstance(snapshot.task, Classification) else "not a classifier"

    def draw(self, snapshot: Snapshot) -> None:
        probes = snapshot.reference_images(self.count)
        inputs_BCHW = snapshot.predictor.inputs(probes.pixels_BCHW)
        shares_BK = snapshot.predictor.run(inputs_BCHW).softmax(dim=1).cpu()
        confidence_B, predicted_B = shares_BK.max(dim=1)
        said = [snapshot.classes[label] for label in predicted_B.tolist()]
        right = (predicted_B == probes.labels_B).tolist()
        snapshot.show(
            image_grid(
                snapshot.predictor.pixels(probes),
                [
                    f"{one} {share:.2f}\n({true})"
                    for one, true, share in zip(said, probes.names, confidence_B.tolist(), strict=True)
                ],
                title=f"Predictions {snapshot.title}",
                note=f"predicted class, confidence (true class); {sum(right)} of {len(right)} are right",
                right=right,
            )
        )
        if snapshot.predictions is not None:
            self._show_mistakes(snapshot)

    def _show_mistakes(self, snapshot: Snapshot) -> None:
        assert snapshot.predictions is not None
        worst = snapshot.predictions.worst_mistakes(self.count)
        mistakes = snapshot.images("val", worst.index_N)
        wrong = int((~snapshot.predictions.right()).sum())
        captions = [
            f"{snapshot.classes[said]} {share:.2f}\n({true})"
            for said, true, share in zip(
                worst.predicted.tolist(), mistakes.names, worst.confidence.tolist(), strict=True
            )
        ]
        snapshot.show(
            image_grid(
                snapshot.predictor.pixels(mistakes),
                captions,
                title=f"Most confident mistakes {snapshot.title}",
                note=f"predicted class, confidence (true class); {counted(wrong, 'mistake')} "
                f"in {snapshot.seen}",
                right=[False] * len(mistakes),
                files=mistakes.short_files,
            ),
            f"{self.name}/mistakes",
        )
