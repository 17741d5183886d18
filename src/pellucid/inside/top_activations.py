"""How often each unit of a layer fires, and the images that excite it most: seen batch by batch.

Axes: B images, U units, P places of a map, K strongest images, N images looked at.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.errors import UserError

STRONGEST = 9


@dataclass(frozen=True)
class TopActivations:
    """What ``Watch`` saw of U units on ``images`` images.

    ``rate_U``: the share of images in which a unit is above 0 at one position or more; ``position_rate_U``:
    the share of all positions of all images at which it is. ``dead_U``: it gave one and
    the same value for all of them. ``image_UK`` are the images with the greatest activations, the greatest
    first, each image once by its greatest position ``position_UK``; ``value_UK`` are those activations. -1
    and NaN where no more images excite the unit: it is dead, or at rest in them, at 0 and never below.
    """

    images: int
    rate_U: Tensor
    position_rate_U: Tensor
    mean_U: Tensor
    least_U: Tensor
    most_U: Tensor
    dead_U: Tensor
    image_UK: Tensor
    position_UK: Tensor
    value_UK: Tensor


class Watch:
    """Adds up batches; memory does not grow with the number of images."""

    def __init__(self, units: int) -> None:
        self.images = self.positions = 0
        self.fired_U, self.above_U, self.sum_U = torch.zeros(3, units, dtype=torch.float64)
        self.least_U = torch.full((units,), torch.inf)
        self.value_UK = torch.empty(units, 0)
        self.image_UK = self.position_UK = torch.empty(units, 0, dtype=torch.long)

    def see(self, outputs_BUP: Tensor) -> None:
        """The next images' activations. Raises UserError where they are not finite."""
        outputs_BUP = outputs_BUP.detach().float()
        if not outputs_BUP.isfinite().all():
            raise UserError(
                "The layer's activations are not finite: the training has diverged. Use an earlier "
                "checkpoint, or train again with a smaller optimizer.lr."
            )
        count, units, positions = outputs_BUP.shape
        above_BUP = outputs_BUP > 0
        self.fired_U += above_BUP.any(dim=2).sum(dim=0).cpu()
        self.above_U += above_BUP.sum(dim=(0, 2)).cpu()
        self.sum_U += outputs_BUP.mean(dim=2).sum(dim=0).cpu().double() * positions
        self.least_U = torch.minimum(self.least_U, outputs_BUP.amin(dim=(0, 2)).cpu())
        value_BU, position_BU = (values.cpu() for values in outputs_BUP.max(dim=2))
        index_UB = torch.arange(self.images, self.images + count).expand(units, -1)
        self._keep(value_BU.T, index_UB, position_BU.T)
        self.images, self.positions = self.images + count, self.positions + count * positions

    def _keep(self, value_UB: Tensor, image_UB: Tensor, position_UB: Tensor) -> None:
        """Of equal ones the first, whatever the batches are."""
        value_UK = torch.cat([self.value_UK, value_UB], dim=1)
        order_UK = value_UK.argsort(dim=1, descending=True, stable=True)[:, :STRONGEST]
        self.value_UK = value_UK.gather(1, order_UK)
        self.image_UK = torch.cat([self.image_UK, image_UB], dim=1).gather(1, order_UK)
        self.position_UK = torch.cat([self.position_UK, position_UB], dim=1).gather(1, order_UK)

    def result(self) -> TopActivations:
        """What was seen, of one image or more."""
        most_U = self.value_UK[:, 0]
        dead_U = (most_U == self.least_U) & (self.positions > 1)  # one number cannot tell
        idle_UK = dead_U[:, None] | ((self.value_UK == 0) & (self.least_U[:, None] == 0))
        return TopActivations(
            images=self.images,
            rate_U=self.fired_U / self.images,
            position_rate_U=self.above_U / self.positions,
            mean_U=self.sum_U / self.positions,
            least_U=self.least_U,
            most_U=most_U,
            dead_U=dead_U,
            image_UK=self.image_UK.masked_fill(idle_UK, -1),
            position_UK=self.position_UK.masked_fill(idle_UK, -1),
            value_UK=self.value_UK.masked_fill(idle_UK, torch.nan),
        )
