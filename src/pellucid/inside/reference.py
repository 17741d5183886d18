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
    place_N = torch.zeros_like(order_N)
    for place, label in enumerate(classes):
        members = order_N[labels_N[order_N] == label]
        turn_N[members] = torch.arange(len(members))
        place_N[members] = place
    chosen = torch.argsort(turn_N * len(classes) + place_N)[:count]
    return chosen[torch.argsort(labels_N[chosen], stable=True)]


def choose_points(count: int, most: int, seed: int) -> Tensor:
    """Sorted positions of at most ``most`` of ``count`` images, the same at every epoch."""
    if count <= most:
        return torch.arange(count)
    return torch.randperm(count, generator=generator(seed, "points"))[:most].sort().values
