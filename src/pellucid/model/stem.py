"""The stem of an ImageNet net for small images: what a net of 224 pixels throws away at once, kept.

He et al., "Deep residual learning for image recognition", 2016, section 4.2: on images of 32 pixels the first
convolution is 3 × 3 with stride 1, and no pool follows it. Of nets that cut patches: Dosovitskiy et al., "An
image is worth 16x16 words", 2021: the patch is smaller, so that as many of them are left.

Shapes: C channels, H × W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from math import gcd

import torch
from torch import Tensor, nn
from torchvision.models import VisionTransformer

from pellucid.errors import UserError
from pellucid.model.transfer import run_empty

STEMS = ("auto", "small", "standard")
MADE_FOR = 224  # pixels a side of the images of ImageNet's nets
MAX_SIDE = 64  # pixels of images for which it is taken by itself


def choose_stem(stem: str, weights: str, size: tuple[int, int]) -> str:
    """``small`` or ``standard``. ``auto``: small for random weights on images of at most MAX_SIDE pixels.

    Raises UserError for another word, and for weights that were trained with the standard stem.
    """
    if stem not in STEMS:
        raise UserError(f"model.stem={stem}: expected {', '.join(STEMS[:-1])} or {STEMS[-1]}.")
    if stem == "small" and weights == "default":
        raise UserError(
            "model.stem=small: the weights that are downloaded were trained with the standard stem. "
            "Take model.weights=none or model.stem=standard."
        )
    if stem != "auto":
        return stem
    return "small" if weights == "none" and max(size) <= MAX_SIDE else "standard"


@dataclass(frozen=True)
class Stem:
    """Where a net throws pixels away: the convolutions that see the image, most often one, and the pool that
    belongs to them, by their names.

    ``patch``: pixels a side of the patches that the image is cut into; 0 where windows overlap.
    """

    convolutions: tuple[str, ...]
    convolution_stride: int
    pool: str | None = None
    pool_stride: int = 1
    patch: int = 0

    @classmethod
    def find(cls, net: nn.Module, image_shape: tuple[int, int, int]) -> Stem | None:
        """That of a net, by a run on an image that it was made for; None where no pixel is lost so early.

        The pool comes before the fourth layer of convolutions.
        """
        ran: list[tuple[str, nn.Module, Tensor]] = []

        def note(name: str, module: nn.Module, given: tuple[Tensor, ...]) -> None:
            ran.append((name, module, given[0]))

        handles = [
            module.register_forward_pre_hook(partial(note, name))
            for name, module in net.named_modules()
            if isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d)
        ]
        mode = net.training
        try:
            run_empty(net, image_shape)
        finally:
            net.train(mode)
            for handle in handles:
                handle.remove()
        layers = [(name, module, seen) for name, module, seen in ran if isinstance(module, nn.Conv2d)]
        if not layers or max(layers[0][1].stride) == 1:
            return None
        _, first, image = layers[0]
        stride = max(first.stride)
        names = tuple(name for name, _, seen in layers if seen is image)
        if first.kernel_size == first.stride:
            return cls(names, stride, patch=stride)
        after = layers[len(names) + 2 :]
        end = ran.index(after[0]) if after else len(ran)
        pools = [(name, _stride(pool)) for name, pool, _ in ran[:end] if not isinstance(pool, nn.Conv2d)]
        return cls(names, stride, *next((pool for pool in pools if pool[1] > 1), (None, 1)))

    @property
    def names(self) -> tuple[str, ...]:
        return self.convolutions if self.pool is None else (*self.convolutions, self.pool)

    @property
    def stride(self) -> int:
        """Pixels a side of the image to one place behind it."""
        return self.convolution_stride * self.pool_stride

    def small_stride(self, size: tuple[int, int]) -> int:
        """The stride once it was shrunk for images of a size."""
        return patch_side(size, self.patch) if self.patch else 1

    def without_pool(self) -> Stem:
        return replace(self, pool=None, pool_stride=1)

    def shrink(self, net: nn.Module, size: tuple[int, int]) -> None:
        """Let the net keep the pixels of images of a size: convolutions get stride 1, and 3 × 3 where they
        are not 1 × 1, or smaller patches; the pool goes. Random weights are drawn.
        """
        for name in self.convolutions:
            layer = net.get_submodule(name)
            assert isinstance(layer, nn.Conv2d)
            net.set_submodule(name, self._smaller(layer, size))
        if self.pool is not None:
            net.set_submodule(self.pool, nn.Identity())

    def _smaller(self, layer: nn.Conv2d, size: tuple[int, int]) -> nn.Conv2d:
        if self.patch:
            return _patches(layer, self.small_stride(size))
        kernel = min(3, layer.kernel_size[0])
        smaller = _like(layer, kernel, 1, kernel // 2)
        nn.init.kaiming_normal_(smaller.weight, mode="fan_out", nonlinearity="relu")
        return smaller


def shrink_stem(net: nn.Module, size: tuple[int, int], channels: int = 3) -> tuple[str, ...]:
    """Let a net of torchvision keep the pixels of images of a size; the names of the modules that were
    replaced, none where it keeps them by itself, as VGG does.
    """
    if isinstance(net, VisionTransformer):
        return _shrink_patches(net, size)
    stem = Stem.find(net, (channels, MADE_FOR, MADE_FOR))
    if stem is None:
        return ()
    stem.shrink(net, size)
    return stem.names


def is_small(net: nn.Module, tensors: Mapping[str, Tensor]) -> bool:
    """Whether tensors of a net, by any prefix, are of one with a smaller first convolution or smaller patches
    than ``net``.
    """
    return any(
        _is_smaller(layer, f"{name}.weight", tensors)
        for name, layer in net.named_modules()
        if isinstance(layer, nn.Conv2d) and max(layer.stride) > 1
    )


def hides_stem(net: nn.Module) -> bool:
    """Whether the weights of a net would be of the same shapes with a small stem: it begins by 3 × 3."""
    layers = (layer for layer in net.modules() if isinstance(layer, nn.Conv2d) and max(layer.stride) > 1)
    first = next(layers, None)
    return first is not None and first.kernel_size[0] == 3


def _is_smaller(layer: nn.Conv2d, end: str, tensors: Mapping[str, Tensor]) -> bool:
    found = [key for key in tensors if key == end or key.endswith(f".{end}")]
    if not found:
        return False
    weight = tensors[min(found, key=len)]  # blocks within it have longer names
    return weight.ndim == 4 and len(weight) == layer.out_channels and weight.shape[2] < layer.kernel_size[0]


def patch_limits(patch: int) -> tuple[int, int]:
    """How many patches a side are to be left, and how many pixels a side one has at least, by the side of a
    net's own patch. Small ones are merged later; of large ones, less than 4 pixels cost much, teach little.
    """
    return (8, 4) if patch >= 8 else (28, 1)


def patch_side(size: tuple[int, int], patch: int) -> int:
    """The side of a patch, at most ``patch``, that divides the images: the largest that leaves enough of
    them, or the smallest with pixels enough.
    """
    needed, least = patch_limits(patch)
    sides = [side for side in range(patch, least - 1, -1) if gcd(*size) % side == 0]
    return next((side for side in sides if min(size) // side >= needed), sides[-1] if sides else 1)


def _stride(pool: nn.Module) -> int:
    stride = pool.stride
    return max(stride) if isinstance(stride, tuple) else int(stride)  # type: ignore[arg-type]


def _shrink_patches(net: VisionTransformer, size: tuple[int, int]) -> tuple[str]:
    side = size[0]  # it takes square images alone
    patch = patch_side(size, net.patch_size)
    assert isinstance(net.conv_proj, nn.Conv2d)
    net.conv_proj = _patches(net.conv_proj, patch)
    net.patch_size, net.image_size = patch, side
    net.seq_length = (side // patch) ** 2 + 1
    positions = torch.empty(1, net.seq_length, net.hidden_dim).normal_(std=0.02)  # as torchvision draws them
    net.encoder.pos_embedding = nn.Parameter(positions)
    return ("conv_proj",)


def widen_stem(net: nn.Module, channels: int) -> str:
    """Let the first convolution, of which the name is given, take so many channels, not 3; its random weights
    are drawn anew.
    """
    name, layer = next(
        (str(name), module)
        for name, module in net.named_modules()
        if isinstance(module, nn.Conv2d) and module.in_channels == 3
    )
    settings = {part: getattr(layer, part) for part in ("kernel_size", "stride", "padding", "dilation")}
    replacement = nn.Conv2d(channels, layer.out_channels, bias=layer.bias is not None, **settings)
    if layer.kernel_size == layer.stride:
        _draw_patches(replacement)
    else:
        nn.init.kaiming_normal_(replacement.weight, mode="fan_out", nonlinearity="relu")
    if replacement.bias is not None:
        nn.init.zeros_(replacement.bias)
    net.set_submodule(name, replacement)
    if hasattr(net, "transform_input"):
        net.transform_input = False  # type: ignore[assignment]  # of ImageNet's three channels
    return name


def _patches(layer: nn.Conv2d, patch: int) -> nn.Conv2d:
    replacement = _like(layer, patch, patch, 0)
    _draw_patches(replacement)
    return replacement


def _draw_patches(layer: nn.Conv2d) -> None:
    fan_in = layer.in_channels * layer.kernel_size[0] ** 2
    nn.init.trunc_normal_(layer.weight, std=fan_in**-0.5)


def _like(layer: nn.Conv2d, kernel: int, stride: int, padding: int) -> nn.Conv2d:
    """A convolution from as many channels to as many, of another shape, its bias 0."""
    replacement = nn.Conv2d(
        layer.in_channels,
        layer.out_channels,
        kernel,
        stride,
        padding,
        groups=layer.groups,
        bias=layer.bias is not None,
    )
    if replacement.bias is not None:
        nn.init.zeros_(replacement.bias)
    return replacement
