"""The base of explanation methods: the net left as found, maps on the CPU and finite.

Shapes: B images, C channels, H × W pixels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.errors import UserError, counted
from pellucid.inside.preserve_state import preserve_state

MAX_IMAGES = 64  # in one pass, also where a method runs several variants of each,
MAX_PIXELS = 2**19  # and no more of them than have so many pixels: for gradients what all layers give is kept
# A net that moves no class score by more, from black or noise to the image, is blind: so much, and
CONSTANT = 0.05
FLAT, NOISE = 0.1, 1e-5  # such a share of the largest score, but always where it is rounding
NO_MAP = "✗ no map: constant net"


@dataclass(frozen=True)
class Explanation:
    """Attribution maps at the images' size, (B, H, W) float32 on the CPU, and a short text each, '' for none.

    A text that begins with ✗ speaks against the map. ``title``: the method's, with the layer that it is of.
    """

    maps_BHW: Tensor
    notes: tuple[str, ...]
    title: str

    def shown(self) -> np.ndarray:
        """The maps as they are drawn: 0 where the net is as good as constant, and what was found is noise."""
        none_B = torch.tensor([note == NO_MAP for note in self.notes])
        return self.maps_BHW.masked_fill(none_B[:, None, None], 0).numpy()


class Explainer(ABC):
    """An attribution method. ``signed``: values below 0 speak against the class; otherwise there are none.

    What is explained is a class score before softmax: its gradient does not vanish where the net is sure,
    and the other classes are not mixed in.
    """

    title: ClassVar[str]
    signed: ClassVar[bool]

    def reason(self, net: nn.Module, images_BCHW: Tensor) -> str | None:
        """Why the method cannot explain this net, in a few words; None where it can."""
        return None

    def titled(self, net: nn.Module, images_BCHW: Tensor) -> str:
        """The title, with what was chosen for this net, in evaluation mode."""
        return self.title

    def passes(self, sides: tuple[int, ...]) -> int:
        """About how many times the net runs for an image of that height and width, for those in a hurry."""
        return 1

    def explain(
        self, net: nn.Module, images_BCHW: Tensor, target_B: Tensor, black_CHW: Tensor
    ) -> Explanation:
        """The maps of each image's score for its class in ``target_B``.

        ``images_BCHW`` are normalised, ``black_CHW`` is a black image normalised alike. Both may be of any
        device and precision, and made in inference mode. The net is run in evaluation mode and left as found.
        Raises ValueError where shapes do not fit, or a map is not finite.
        """
        if target_B.shape != images_BCHW.shape[:1] or black_CHW.shape != images_BCHW.shape[1:]:
            raise ValueError(
                f"{self.title}: expected one class an image and a black image of the same size for images "
                f"{tuple(images_BCHW.shape)}, got {tuple(target_B.shape)} and {tuple(black_CHW.shape)}."
            )
        maps: list[Tensor] = []
        notes: list[str] = []
        with preserve_state(net) as plain:
            black_CHW = copied_to(plain, black_CHW)
            count = images_per_pass(images_BCHW)
            title = self.titled(plain, copied_to(plain, images_BCHW[:1]))
            for images, target in zip(
                torch.split(images_BCHW, count), torch.split(target_B, count), strict=True
            ):
                images = copied_to(plain, images)
                target = target.to(images.device, torch.long, copy=True)
                part_BHW, texts = self._attribute(plain, images, target, black_CHW)
                same_B = constant(plain, images, black_CHW)
                maps.append(part_BHW.detach().float().cpu())
                notes += [NO_MAP if same else text for same, text in zip(same_B, texts, strict=True)]
            maps_BHW = torch.cat(maps)
        if maps_BHW.shape != images_BCHW[:, 0].shape or len(notes) != len(maps_BHW):
            raise UserError(
                f"{type(self).__name__}._attribute: expected maps {tuple(images_BCHW[:, 0].shape)} and a "
                f"note an image, got maps {tuple(maps_BHW.shape)} and {len(notes)} notes."
            )
        self._check_finite(maps_BHW)
        return Explanation(maps_BHW, tuple(notes), title)

    @abstractmethod
    def _attribute(
        self, net: nn.Module, images_BCHW: Tensor, target_B: Tensor, black_CHW: Tensor
    ) -> tuple[Tensor, Sequence[str]]:
        """Maps (B, H, W) of as many images as fit in a pass, and a note for each.

        Tensors are copies of the method's own, on the net's device and in its precision; gradients are on.
        """

    def _check_finite(self, maps_BHW: Tensor) -> None:
        bad = int((~maps_BHW.flatten(1).isfinite().all(dim=1)).sum())
        if bad:
            raise ValueError(
                f"{self.title}: {bad} of {counted(len(maps_BHW), 'map')} hold values that are not finite. "
                "Check the net's weights and the images for such values; the training may have diverged."
            )


@torch.no_grad()
def constant(net: nn.Module, images_BCHW: Tensor, black_CHW: Tensor) -> Tensor:
    """For each image whether all classes have the scores that they have of black and of noise, (B,)."""
    noise_CHW = torch.randn(black_CHW.shape, generator=torch.Generator().manual_seed(0)).to(black_CHW)
    scores_BK, others_2K = net(images_BCHW.detach()), net(torch.stack([black_CHW, noise_CHW]))
    moved_B = (scores_BK[:, None] - others_2K).float().abs().amax(dim=(1, 2))
    largest_B = scores_BK.float().abs().amax(dim=1)
    blind_B: Tensor = moved_B <= (FLAT * largest_B).clamp(max=CONSTANT).maximum(NOISE * largest_B)
    return blind_B.cpu()


def images_per_pass(images_BCHW: Tensor) -> int:
    """How many such images one pass of the net may take, so that memory is bounded."""
    return min(MAX_IMAGES, max(1, MAX_PIXELS // images_BCHW.shape[2:].numel()))


def copied_to(net: nn.Module, tensor: Tensor) -> Tensor:
    """A copy on the net's device and in its precision, without history."""
    tensors = (*net.parameters(), *net.buffers())
    like = next((t for t in tensors if t.is_floating_point()), torch.empty(0))
    return tensor.detach().to(like.device, like.dtype, copy=True)
