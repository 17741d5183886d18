"""Which images are looked at: a fixed, class-balanced choice made from the seed.

Axes: N images.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.system.seeding import generator


def choose_reference_images(labels_N: Tensor, count: int, seed: int) -> Tensor:
    """Positions of ``count`` images (fewer where there are fewer), sorted by class.

    Classes take turns, so numbers differ by one at most while images last; a larger ``count`` adds to the
    choice of a smaller one.
    """
    random = generator(seed, "probes")
    order_N = torch.randperm(len(labels_N), generator=random)
    classes = torch.unique(labels_N)
    classes = classes[torch.randperm(len(classes), generator=random)]
    turn_N = torch.zeros_like(order_N)  # which turn of its class an image is chosen in
    class_N = torch.zeros_like(order_N)
    for turn, label in enumerate(classes):
        members = order_N[labels_N[order_N] == label]
        turn_N[members] = torch.arange(len(members))
        class_N[members] = turn
    index_M = torch.argsort(turn_N * len(classes) + class_N)[:count]
    return index_M[torch.argsort(labels_N[index_M], stable=True)]


def choose_points(count: int, limit: int, seed: int) -> Tensor:
    """Sorted positions of at most ``limit`` of ``count`` images, the same at every epoch."""
    if count <= limit:
        return torch.arange(count)
    return torch.randperm(count, generator=generator(seed, "points"))[:limit].sort().values
