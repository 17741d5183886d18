"""Muon: momentum whose matrices are made orthogonal before they are added, and AdamW for all else.

Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024; rates as AdamW's by Liu et
al., "Muon is scalable for LLM training", 2025. torch's takes no convolutions; timm's makes orthogonal in
bfloat16 everywhere: 12 s a matrix of 512 × 4608, in place of 0.4 s, on a CPU that has no such numbers.

Axes: O outputs of a layer, I inputs (of a convolution channels × height × width), the less of them first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.adamw import adamw

from pellucid.system.ranges import check_range

# Of each step of Newton and Schulz's iteration, x to ax + bx³ + cx⁵: Cesista, "Squeezing 1–2 % efficiency
# gains out of Muon by optimizing the Newton–Schulz coefficients", 2025.
COEFFICIENTS = (
    (4.0848, -6.8946, 2.9270),
    (3.9505, -6.3029, 2.6377),
    (3.7418, -5.5913, 2.3037),
    (2.8769, -3.1427, 1.2046),
    (2.8366, -3.0525, 1.2012),
)


class Muon(Optimizer):
    """``lr`` and ``weight_decay`` as AdamW's: each orthogonal update is scaled to its usual size.

    Matrices, and convolutions flattened to O × I, are updated by ``momentum``, Nesterov's, made orthogonal;
    vectors, tokens, convolutions of one channel each and groups with ``use_fallback`` by AdamW with
    ``betas`` and ``eps``.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 3e-3,
        *,
        weight_decay: float = 0.01,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.95),
        eps: float = 1e-8,
    ) -> None:
        check_range("optimizer.momentum", momentum)
        options = {"weight_decay": weight_decay, "momentum": momentum, "betas": tuple(betas), "eps": eps}
        super().__init__(params, {"lr": lr, **options, "use_fallback": False})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update; what the closure gives, where there is one."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            by_adamw = []
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                if group["use_fallback"] or not is_matrix(parameter):
                    by_adamw.append(parameter)
                else:
                    self._turn(parameter, group)
            if by_adamw:
                self._adamw(by_adamw, group)
        return loss

    def _turn(self, parameter: Tensor, group: dict[str, Any]) -> None:
        state, gradient = self.state[parameter], parameter.grad
        assert gradient is not None
        if not state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        average = state["momentum_buffer"].lerp_(gradient, 1 - group["momentum"])
        update_OI = orthogonal(gradient.lerp(average, group["momentum"]).flatten(1))
        scale = 0.2 * max(update_OI.shape) ** 0.5  # the root mean square of AdamW's updates
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.add_(update_OI.view_as(parameter), alpha=-scale * group["lr"])

    def _adamw(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        for parameter in parameters:
            if not self.state[parameter]:
                self.state[parameter] = {
                    "step": torch.tensor(0.0),
                    "exp_avg": torch.zeros_like(parameter),
                    "exp_avg_sq": torch.zeros_like(parameter),
                }
        states = [self.state[parameter] for parameter in parameters]
        adamw(
            parameters,
            [parameter.grad for parameter in parameters if parameter.grad is not None],
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            [state["step"] for state in states],
            amsgrad=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )


def is_matrix(parameter: Tensor) -> bool:
    """Whether it is the weights of a layer that mixes channels: no vector, token or depthwise convolution."""
    return parameter.ndim > 1 and 1 not in parameter.shape[:2]


def orthogonal(matrix_OI: Tensor) -> Tensor:
    """About the nearest matrix whose singular values are 1: they come to 0.97 to 1.04 where they were
    a hundredth of the matrix's norm or more, and none to more than 1.15.
    """
    turned = matrix_OI.shape[0] > matrix_OI.shape[1]
    x_OI = (matrix_OI.T if turned else matrix_OI).to(_fast(matrix_OI))
    x_OI = x_OI / x_OI.norm().clamp(min=1e-7)
    for a, b, c in COEFFICIENTS:
        gram_OO = x_OI @ x_OI.T
        x_OI = torch.addmm(x_OI, torch.addmm(gram_OO, gram_OO, gram_OO, beta=b, alpha=c), x_OI, beta=a)
    return (x_OI.T if turned else x_OI).to(matrix_OI.dtype)


def _fast(matrix: Tensor) -> torch.dtype:
    """bfloat16, which is exact enough, where the device multiplies it faster than float32."""
    has_it = matrix.device.type != "cpu" or torch.cpu._is_avx512_bf16_supported()
    return torch.bfloat16 if has_it else torch.float32
