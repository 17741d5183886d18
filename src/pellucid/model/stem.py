"""The stem of an ImageNet net for small images: what a net of 224 pixels throws away at once, kept.

He et al., "Deep residual learning for image recognition", 2016, section 4.2: on images of 32 pixels the first
convolution is 3 × 3 with stride 1, and no pool follows it. Of nets that cut patches: Dosovitskiy et al., "An
image is worth 16x16 words", 2021: the patch is smaller, so that as many of them are left.

Shapes: C channels, H × W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd

import torch
from torch import Tensor, nn
from torchvision.models import VisionTransformer

from pellucid.errors import UserError
from pellucid.model.transfer import run_empty

STEMS = ("auto", "small", "standard")
MAX_SIDE = 64  # pixels of images for which it is taken by itself
TOKENS, PLACES = 8, 28  # patches a side that are left to a vision transformer, and to a net that merges them


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


def shrink_stem(net: nn.Module, size: tuple[int, int], channels: int = 3) -> bool:
    """Let the net's first layers keep the pixels of images of a size; whether there was something to do.

    The first convolution that has a stride gets 3 × 3 and stride 1, and the first pool that comes before the
    third convolution goes; of a net that cuts patches, the patch is a smaller one. Random weights are drawn.
    """
    if isinstance(net, VisionTransformer):
        return _shrink_patches(net, size)
    convolution, pool = _find_stem(net, channels)
    if convolution is None:
        return False
    layer = net.get_submodule(convolution)
    assert isinstance(layer, nn.Conv2d)
    if layer.kernel_size == layer.stride:
        net.set_submodule(convolution, _patches(layer, patch_side(size, layer.kernel_size[0], PLACES)))
        return True
    replacement = _like(layer, 3, 1, 1)
    nn.init.kaiming_normal_(replacement.weight, mode="fan_out", nonlinearity="relu")
    net.set_submodule(convolution, replacement)
    if pool is not None:
        net.set_submodule(pool, nn.Identity())
    return True


def is_small(net: nn.Module, tensors: Mapping[str, Tensor]) -> bool:
    """Whether tensors of a net, by any prefix, are of one with a smaller first convolution than ``net``."""
    name = "conv_proj" if isinstance(net, VisionTransformer) else _find_stem(net, 3)[0]
    if name is None:
        return False
    first, end = net.get_submodule(name).weight, f"{name}.weight"
    assert isinstance(first, Tensor)
    found = [key for key in tensors if key == end or key.endswith(f".{end}")]
    if not found:
        return False
    weight = tensors[min(found, key=len)]  # blocks within it have longer names
    return weight.ndim == 4 and len(weight) == len(first) and weight.shape[2] < first.shape[2]


def patch_side(size: tuple[int, int], patch: int, patches: int) -> int:
    """The largest side of a patch, at most ``patch``, that leaves so many ``patches`` a side or more."""
    whole, shorter = gcd(*size), min(size)
    return max((p for p in range(1, patch + 1) if whole % p == 0 and shorter // p >= patches), default=1)


def _find_stem(net: nn.Module, channels: int) -> tuple[str | None, str | None]:
    """The names of the first convolution, where it has a stride, and of the pool that belongs to it."""
    ran: list[tuple[str, nn.Module]] = []
    kinds = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)
    handles = [
        module.register_forward_pre_hook(lambda module, inputs, name=name: ran.append((name, module)))
        for name, module in net.named_modules()
        if isinstance(module, kinds)
    ]
    mode = net.training
    try:
        run_empty(net, (channels, 224, 224))
    finally:
        net.train(mode)
        for handle in handles:
            handle.remove()
    convolutions = [name for name, module in ran if isinstance(module, nn.Conv2d)]
    first = net.get_submodule(convolutions[0]) if convolutions else None
    if not isinstance(first, nn.Conv2d) or max(first.stride) == 1:
        return None, None
    names = [name for name, _ in ran]
    before = ran[: names.index(convolutions[3])] if len(convolutions) > 3 else ran
    pools = [name for name, module in before if not isinstance(module, nn.Conv2d) and _stride(module) > 1]
    return convolutions[0], pools[0] if pools else None


def _stride(pool: nn.Module) -> int:
    stride = pool.stride
    return max(stride) if isinstance(stride, tuple) else int(stride)  # type: ignore[arg-type]


def _shrink_patches(net: VisionTransformer, size: tuple[int, int]) -> bool:
    side = size[0]  # it takes square images alone
    patch = patch_side(size, net.patch_size, TOKENS)
    assert isinstance(net.conv_proj, nn.Conv2d)
    net.conv_proj = _patches(net.conv_proj, patch)
    net.patch_size, net.image_size = patch, side
    net.seq_length = (side // patch) ** 2 + 1
    positions = torch.empty(1, net.seq_length, net.hidden_dim).normal_(std=0.02)  # as torchvision draws them
    net.encoder.pos_embedding = nn.Parameter(positions)
    return True


def widen_stem(net: nn.Module, channels: int) -> None:
    """Let the first convolution take so many channels, not 3; its random weights are drawn anew."""
    name, layer = next(
        (name, module)
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
