"""Integrated gradients: what each pixel adds to the class score on the way from black to the image.

Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks", 2017.

Shapes: B images, C channels, H × W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from torch import Tensor, nn

from pellucid.errors import UserError
from pellucid.explainer.base import AT_ONCE, Explainer


@final
class IntegratedGradients(Explainer):
    """A map's sum is the image's score less that of black, but for the note's Δ, the integral's error.

    The integral is taken at ``steps`` points (Gauss-Legendre). Raises UserError for fewer than one.
    """

    title = "integrated gradients"
    signed = True

    def __init__(self, *, steps: int) -> None:
        if steps < 1:
            raise UserError(f"steps={steps}: expected at least 1; 32 is a good value.")
        self.steps = steps

    def passes(self, sides: tuple[int, ...]) -> int:
        return self.steps

    def _attribute(
        self, net: nn.Module, images_BCHW: Tensor, target_B: Tensor, black_CHW: Tensor
    ) -> tuple[Tensor, Sequence[str]]:
        from captum import attr  # late: it takes half a second, and brings pyplot

        added_BCHW: Tensor
        delta_B: Tensor
        added_BCHW, delta_B = attr.IntegratedGradients(net).attribute(
            images_BCHW,
            black_CHW[None],
            target_B,
            n_steps=self.steps,
            internal_batch_size=AT_ONCE,
            return_convergence_delta=True,
        )
        return added_BCHW.sum(dim=1), [f"Δ {abs(delta):.2f}" for delta in delta_B.tolist()]
