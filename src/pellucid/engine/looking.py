"""One layer of a trained net, looked at while it works through images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from pellucid.data.stream import Stream
from pellucid.engine.loaded_run import LoadedRun
from pellucid.errors import UserError
from pellucid.inside.embedding import check_layer
from pellucid.inside.images import Images
from pellucid.inside.predictor import Predictor
from pellucid.inside.preserve_state import unwrap_compiled
from pellucid.system.console import console


@dataclass(frozen=True)
class Looking:
    """The net where it runs, and the layer: embed or a name. Raises UserError where that gives no vectors."""

    trained: LoadedRun
    predictor: Predictor
    layer: str

    def __post_init__(self) -> None:
        check_layer(unwrap_compiled(self.trained.net), self.layer)
        self.vectors(self.predictor.black(2))

    def vectors(self, images_BCHW: Tensor) -> Tensor:
        """(B, D): what the layer gives, float32 on the CPU; the net is left as it is."""
        return self.predictor.embed(images_BCHW, self.layer)

    def said(self, images_BCHW: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """What the task predicts of each image, a number each, on the CPU; and the net's output."""
        output = self.predictor.run(images_BCHW)
        values = self.trained.task.predictions(images_BCHW, output)
        return {name: value_B.cpu() for name, value_B in values.items() if value_B.ndim == 1}, output

    def batches(self, stream: Stream, text: str) -> Iterator[tuple[Images, Tensor]]:
        """Each batch of the stream, and its images as the net takes them, with a progress bar."""
        batch_size = self.trained.batch_size
        steps = -(-stream.count // batch_size)
        for batch in console.track(stream.batches(batch_size), text, steps):
            yield batch, self.predictor.inputs(batch.pixels_BCHW)

    def checked(self, batch: Images, images_BCHW: Tensor) -> Tensor:
        """``vectors``. Raises UserError where they are not finite."""
        vectors_BD = self.vectors(images_BCHW)
        bad_B = ~vectors_BD.isfinite().all(dim=1)
        if bad_B.any():
            file = batch.files[int(bad_B.nonzero()[0])]
            raise UserError(
                f"layer={self.layer}: what it gives for {file} is not finite. "
                "Take another layer or checkpoint."
            )
        return vectors_BD
