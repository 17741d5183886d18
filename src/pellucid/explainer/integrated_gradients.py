"""Integrated gradients: what each pixel adds to the class score on the way from black to the image.

Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks", 2017. Points are added where the
score changes unlike its gradient says, after Bhat and Raychowdhury, "Non-uniform interpolation in integrated
gradients for low-latency explainable-AI", 2023.

Shapes: B images, C channels, H × W pixels, M points on the way of any of the images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import final

import torch
from torch import Tensor, nn

from pellucid.errors import UserError
from pellucid.explainer.base import Explainer, constant, images_per_pass
from pellucid.inside.summary import operations

ERROR = 0.01  # of the score's rise: where the sum misses no more of it, the points are enough
WORK = 1e11  # additions and multiplications an image that points may cost, beyond ``steps``; images share
MIN_SHARING = 3  # them where they are more than so many
MAX_ERROR = 0.1  # of the rise: a map whose sum misses more is not to be trusted


@final
class IntegratedGradients(Explainer):
    """Integrated gradients, whose sum is the image's score less that of black, but for an error.

    The error of the integral is Δ in the note, marked above 10 %. The integral is taken at ``steps``
    points, black and the image among them, by the trapezoid rule. Where its error is above 1 %, intervals
    are halved until it is not, there are ``most`` points, or all images' together cost more than 10¹¹
    operations an image; none where the net is as good as constant. Raises UserError for fewer than two steps.
    """

    title = "integrated gradients"
    signed = True

    def __init__(self, *, steps: int = 9, most: int = 257) -> None:
        if steps < 2:
            raise UserError(f"steps={steps}: expected at least 2, black and the image; 9 is a good value.")
        self.steps, self.most = steps, most

    def passes(self, sides: tuple[int, ...]) -> int:
        return self.steps

    def _attribute(
        self, net: nn.Module, images_BCHW: Tensor, target_B: Tensor, black_CHW: Tensor
    ) -> tuple[Tensor, Sequence[str]]:
        way = _Way(net, images_BCHW, target_B, black_CHW)
        paths = [_Path() for _ in images_BCHW]
        even = torch.linspace(0, 1, self.steps, dtype=torch.float64).tolist()
        way.walk([(path, image, share) for image, path in enumerate(paths) for share in even])
        cost = max(operations(net, images_BCHW[:1]), 1)
        remaining = int(WORK * max(len(paths), MIN_SHARING) / cost) - self.steps * len(paths)
        same = constant(net, images_BCHW, black_CHW).tolist()  # their maps are noise at any number of points
        refined = {image: path for image, path in enumerate(paths) if not same[image]}
        while remaining > 0 and (needed := _worst(refined, self.most)[:remaining]):
            way.walk(needed)
            remaining -= len(needed)
        return torch.stack([path.map() for path in paths]), [path.note() for path in paths]


@dataclass(frozen=True)
class _Point:
    score: float
    slope: float  # of the score along the way
    map_HW: Tensor  # what each pixel adds to the slope


@dataclass(frozen=True)
class _Path:
    """One image's points, by their share of the way."""

    points: dict[float, _Point] = field(default_factory=dict)

    def intervals(self) -> list[tuple[float, float]]:
        return list(pairwise(sorted(self.points)))

    def missed(self, start: float, end: float) -> float:
        """How much more the slopes say than the score rises between two neighbours."""
        first, last = self.points[start], self.points[end]
        return (end - start) * (first.slope + last.slope) / 2 - (last.score - first.score)

    def rise(self) -> float:
        return self.points[1.0].score - self.points[0.0].score

    def error(self) -> float:
        return abs(sum(self.missed(*interval) for interval in self.intervals()))

    def missing(self, limit: int) -> list[tuple[float, float]]:
        """How badly points are needed, beside the rise, and where: in the intervals that miss most.

        In so many that the others together miss no more than is allowed, even where they add up.
        """
        allowed = ERROR * abs(self.rise())
        if self.error() <= allowed:
            return []
        missed = sorted(((abs(self.missed(a, b)), (a + b) / 2) for a, b in self.intervals()), reverse=True)
        remaining = sum(miss for miss, _ in missed)
        needed = []
        for miss, middle in missed[: max(limit - len(self.points), 0)]:
            if remaining <= allowed:
                break
            remaining -= miss
            needed.append((miss / max(allowed, 1e-12), middle))
        return needed

    def map(self) -> Tensor:
        """The integral, (H, W)."""
        parts = [(b - a) / 2 * (self.points[a].map_HW + self.points[b].map_HW) for a, b in self.intervals()]
        return torch.stack(parts).sum(dim=0)

    def note(self) -> str:
        error, rise = self.error(), abs(self.rise())
        if rise and error / rise > MAX_ERROR:
            return f"✗ too few points: Δ {error / rise:.0%}"
        small = 0.0005 <= error < 0.1
        return f"Δ {error:{'.1g' if small else '.2f'}}" + (f" ({error / rise:.1%})" if rise else "")


def _worst(paths: Mapping[int, _Path], limit: int) -> list[tuple[_Path, int, float]]:
    """Points that are wanted of all images, the most needed first: of which path, its image, the share."""
    needed = [(need, path, i, share) for i, path in paths.items() for need, share in path.missing(limit)]
    return [(path, i, share) for _, path, i, share in sorted(needed, key=lambda point: -point[0])]


@dataclass(frozen=True)
class _Way:
    """From black to each image, in a straight line."""

    net: nn.Module
    images_BCHW: Tensor
    target_B: Tensor
    black_CHW: Tensor

    def walk(self, steps: Sequence[tuple[_Path, int, float]]) -> None:
        """Look at these points: of which path, which image it is, and the share of the way."""
        step = images_per_pass(self.images_BCHW)
        for start in range(0, len(steps), step):
            batch = steps[start : start + step]
            image_M = torch.tensor([image for _, image, _ in batch], device=self.images_BCHW.device)
            share_M = torch.tensor([share for _, _, share in batch]).to(self.images_BCHW)
            rise_MCHW = self.images_BCHW[image_M] - self.black_CHW
            points_MCHW = self.black_CHW + share_M[:, None, None, None] * rise_MCHW
            points_MCHW.requires_grad_()
            scores_M = self.net(points_MCHW).gather(1, self.target_B[image_M][:, None])[:, 0]
            (slope_MCHW,) = torch.autograd.grad(scores_M.sum(), points_MCHW)
            maps_MHW = (slope_MCHW * rise_MCHW).sum(dim=1).float().cpu()
            slopes = maps_MHW.double().sum(dim=(1, 2)).tolist()
            for (path, _, share), *values in zip(batch, scores_M.tolist(), slopes, maps_MHW, strict=True):
                path.points[share] = _Point(*values)
