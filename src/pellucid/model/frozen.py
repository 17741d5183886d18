"""Frozen features: the contract of a net of which the head alone is trained.

Shapes: B images, C channels, H × W pixels, D embedding.
"""

from typing import Protocol, cast

import torch
from torch import Tensor, nn


class FrozenFeatures(Protocol):
    """A net whose ``forward`` is ``head(embed(images))``, where ``embed`` runs a ``backbone`` and no more.

    While the backbone has no parameter that is trained, and all of it is in evaluation mode and stays there
    when ``train`` is called, its features of an image are computed once for all epochs.
    ``augmentations_per_image``: how many augmentations of each training image there are then, used in turn;
    0: a new one each epoch, computed each time.
    """

    augmentations_per_image: int

    @property
    def backbone(self) -> nn.Module: ...

    @property
    def head(self) -> nn.Module: ...

    def embed(self, images_BCHW: Tensor) -> Tensor:
        """The features, (B, D)."""


def frozen_features(net: nn.Module) -> FrozenFeatures | None:
    """The net, where it has such a backbone and head and training leaves the backbone as it is."""
    parts = {"backbone": nn.Module, "head": nn.Module, "augmentations_per_image": int}
    # Not by isinstance of the protocol: since Python 3.12 that does not see the modules of a module.
    if not all(isinstance(getattr(net, name, None), kind) for name, kind in parts.items()):
        return None
    backbone = net.get_submodule("backbone")
    changes = any(p.requires_grad for p in backbone.parameters()) or any(
        m.training for m in backbone.modules()
    )
    return cast(FrozenFeatures, net) if callable(getattr(net, "embed", None)) and not changes else None


def keeps_contract(net: nn.Module, images_BCHW: Tensor) -> bool:
    """Whether a net with frozen features gives what its head makes of them, and these in either mode.

    The net's mode and buffers, and torch's random state, are not kept.
    """
    features: list[Tensor] = []
    for mode in (True, False):
        net.train(mode)
        torch.manual_seed(0)
        output = net(images_BCHW.clone())
        torch.manual_seed(0)
        features.append(net.embed(images_BCHW.clone()))  # type: ignore[operator]
        if features[-1].ndim != 2 or not _close(net.get_submodule("head")(features[-1]), output):
            return False
    return _close(*features)


def _close(a: Tensor, b: object) -> bool:
    return isinstance(b, Tensor) and a.shape == b.shape and torch.allclose(a, b, rtol=1e-4, atol=1e-6)
