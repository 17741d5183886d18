"""Parameter randomization: whether a map knows the net's weights.

Adebayo et al., "Sanity checks for saliency maps", 2018: a map that is the same for other weights does not
explain these.

Shapes: B images, H × W pixels, N of these in a row.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn


def randomized(net: nn.Module, seed: int) -> nn.Module:
    """A copy of the net whose every parameter has its values in another order."""
    shuffled = copy.deepcopy(net)
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in shuffled.parameters():
            order = torch.randperm(parameter.numel(), generator=random)
            parameter.copy_(parameter.flatten()[order.to(parameter.device)].view_as(parameter))
    return shuffled


def rank_correlation(maps_BHW: Tensor, others_BHW: Tensor) -> Tensor:
    """Spearman's rank correlation of the maps' absolute values, (B,), in [-1, 1]; 0 of a constant map."""
    return torch.tensor(list(_rank_correlation(maps_BHW.abs().flatten(1), others_BHW.abs().flatten(1))))


def _rank_correlation(maps_BN: Tensor, others_BN: Tensor) -> Iterator[float]:
    from scipy.stats import rankdata

    for map_N, other_N in zip(maps_BN.numpy(), others_BN.numpy(), strict=True):
        first, second = (rankdata(values) - (len(values) + 1) / 2 for values in (map_N, other_N))
        norm = float(((first**2).sum() * (second**2).sum()) ** 0.5)
        yield float((first * second).sum()) / norm if norm else 0.0
