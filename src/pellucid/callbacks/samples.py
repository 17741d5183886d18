"""View: what the net is trained on, before the first step."""

from __future__ import annotations

from pellucid.callbacks.figure_logger import FigureLogger
from pellucid.callbacks.snapshot import Snapshot
from pellucid.callbacks.visualizer import Visualizer
from pellucid.draw.grid import image_grid, paired_grid
from pellucid.draw.rows import image_rows
from pellucid.errors import counted

MAX_IMAGES, DRAWS = 200, 8


class Samples(Visualizer):
    """The first ``count`` images of the first epoch, as they were and as the net receives them; and of one
    what each augmentation does.
    """

    name = "samples"
    cheap = True

    def __init__(self, *, count: int = 24, figures: FigureLogger) -> None:
        super().__init__(every_n_epochs=None, figures=figures)
        self.check_count("count", count, most=MAX_IMAGES)
        self.count = count

    def reason(self, snapshot: Snapshot) -> str | None:
        return None if snapshot.host.has_training_images else "no training images are known"

    def draw(self, snapshot: Snapshot) -> None:
        images, predictor = snapshot.host.training_images(self.count), snapshot.predictor
        size = " × ".join(str(side) for side in predictor.spec.image_shape)
        note = "" if images.total is None else f"{counted(images.total, 'image')}, "
        note += f"each {size} (channels × height × width)"
        received_BHWC = predictor.shown(images.received_BCHW)
        if (sides := images.received_BCHW.shape[2:]) != predictor.spec.image_shape[1:]:
            note += ", in this epoch trained at {} × {}".format(*sides)
        if images.originals is None:
            note += "; what the net receives, normalisation undone"
            picture = image_grid(
                received_BHWC, images.names, title="Training images", note=predictor.spec.noted(note)
            )
        else:
            picture = paired_grid(
                predictor.pixels(images.originals),
                received_BHWC,
                images.names,
                title="Training images",
                note=predictor.spec.noted(
                    note + "; below each image what the net receives, normalisation undone"
                ),
                sides=("as it is", "received"),
            )
        snapshot.show(picture)
        if augmentations := snapshot.host.augmentations(DRAWS):
            shown = {
                name: predictor.shown(predictor.spec.normalise(images_NCHW, white=1))
                for name, images_NCHW in augmentations.items()
            }
            note = f"one training image, {DRAWS} draws of each operation alone"
            picture = image_rows({"": shown}, title="Augmentations", note=predictor.spec.noted(note))
            snapshot.show(picture, f"{self.name}/augmentations")
