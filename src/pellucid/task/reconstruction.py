"""Image reconstruction: mean squared error over pixels in [0, 1]."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Adam
from torchmetrics import Metric

from pellucid.errors import UserError
from pellucid.task.base import MakeOptimizer, MakeScheduler, Task
from pellucid.task.metric import MeanOverImages
from pellucid.task.net_check import shape_of
from pellucid.task.scores import mean_loss


class Reconstruction(Task):
    """Image reconstruction, for nets whose ``forward`` gives images in [0, 1]. Raises UserError for another.

    The net sees normalised images; its target are the same images in [0, 1], undone by ``mean`` and
    ``std``, so that the error is in units of pixels whatever the data set's statistics.
    """

    monitor, mode = "val/mse", "min"

    def __init__(
        self,
        *,
        net: nn.Module,
        optimizer: MakeOptimizer = Adam,
        scheduler: MakeScheduler | None = None,
        image_shape: tuple[int, int, int],
        mean: Sequence[float],
        std: Sequence[float],
        seed: int = 0,
    ) -> None:
        super().__init__(
            net=net, optimizer=optimizer, scheduler=scheduler, image_shape=image_shape, seed=seed
        )
        for name, values in (("mean", mean), ("std", std)):
            self.register_buffer(name, torch.tensor(values).view(1, -1, 1, 1), persistent=False)

    mean: Tensor
    std: Tensor

    def _make_metrics(self) -> dict[str, Metric]:
        return {"loss": MeanOverImages(), "mse": MeanOverImages()}

    def _check_output(self, images_BCHW: Tensor, output: object) -> None:
        if not isinstance(output, Tensor) or output.shape != images_BCHW.shape:
            raise UserError(
                f"task=reconstruction needs a net that gives an image for an image, "
                f"shape {tuple(images_BCHW.shape)}; {type(self.net).__name__} gives "
                f"{shape_of(output)}. Use model=autoencoder, or leave task out."
            )

    def _step(self, batch: tuple[Tensor, ...], stage: str) -> tuple[Tensor, Tensor]:
        images_BCHW, labels_B, *weights = batch
        reconstruction_BCHW = self(images_BCHW)
        if weights:
            loss = mean_loss(self._errors(images_BCHW, reconstruction_BCHW), weights)
        else:
            loss = functional.mse_loss(reconstruction_BCHW, self._target(images_BCHW))
        self.steps[stage].add(loss, labels_B)
        return loss, reconstruction_BCHW

    def predictions(
        self, images_BCHW: Tensor, output: Tensor, labels_B: Tensor | None = None
    ) -> dict[str, Tensor]:
        mse_B = self._errors(images_BCHW, output)
        return {"mse": mse_B} | ({} if labels_B is None else {"loss": mse_B})

    def _errors(self, images_BCHW: Tensor, output: Tensor) -> Tensor:
        """Each image's, (B,)."""
        return (output - self._target(images_BCHW)).square().flatten(1).mean(dim=1)

    def _target(self, images_BCHW: Tensor) -> Tensor:
        """The images in [0, 1]."""
        return images_BCHW * self.std + self.mean

    def _update_metrics(self, stage: str, losses_S: Tensor, counts_S: Tensor, *seen: Tensor) -> None:
        for metric in self.stage_metrics(stage).values():
            metric.update(losses_S, counts_S)
