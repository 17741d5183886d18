"""The stem of a net of timm for small images: smaller patches by its builder, or smaller first layers.

Shapes: C channels, H × W pixels.
"""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from pellucid.errors import UserError
from pellucid.model.stem import Stem, patch_limits
from pellucid.model.timm_build import FAILURES, TimmBuild


def with_small_stem(build: TimmBuild, image_shape: tuple[int, int, int], *, asked: bool) -> TimmBuild | None:
    """The builder of the net with a stem for images of a shape; None where it keeps all pixels by itself, or
    has none that such images could have.

    Raises UserError where one is ``asked`` for and it has none.
    """
    found, loses, why = None, True, "model.options.patch_size says how large its patches are"
    if "patch_size" not in build.options:
        patch, stem = _made_of(build)
        found = _with_patches(build, image_shape, patch) or _with_first_layers(build, image_shape, stem)
        loses, why = stem is not None, "its first layers cannot be made smaller for images of these sizes"
    if found is None and asked and loses:
        raise UserError(f"model.stem=small: of {build.source.name} {why}. Set model.stem=standard.")
    return found


def _made_of(build: TimmBuild) -> tuple[int, Stem | None]:
    """The side of the net's patches, 0 without, and its stem; neither of a net that needs real numbers."""
    try:
        net = build.empty(build.made_for)
        return _patches(net)[0], Stem.find(net, build.made_for)
    except FAILURES:
        return 0, None


def _with_patches(build: TimmBuild, image_shape: tuple[int, int, int], own: int) -> TimmBuild | None:
    """With the patches that ``patch_side`` would choose, of those that the net takes."""
    (needed, least), found = patch_limits(own), None
    for patch in range(own - 1, 0, -1):
        if image_shape[1] % patch or image_shape[2] % patch:
            continue
        smaller = replace(build, options={**build.options, "patch_size": patch})
        if not isinstance(smaller.try_on(image_shape), int):
            continue
        _, left = _patches(smaller.empty(image_shape))
        if found is not None and left * least > min(image_shape[1:]):
            break
        found = smaller
        if left >= needed:
            break
    return found


def _with_first_layers(
    build: TimmBuild, image_shape: tuple[int, int, int], stem: Stem | None
) -> TimmBuild | None:
    for candidate in [] if stem is None else [stem, stem.without_pool()]:  # which may be of a residual branch
        smaller = replace(build, stem=candidate)
        if isinstance(smaller.try_on(image_shape), int):
            return smaller
    return None


def _patches(net: nn.Module) -> tuple[int, int]:
    """Pixels of a patch, and patches of an image, a side; 0, 0 where none are cut that touch."""
    for module in net.modules():
        parts = [getattr(module, name, None) for name in ("proj", "patch_size", "grid_size")]
        match parts:
            case [nn.Conv2d() as layer, size, (rows, columns)] if layer.kernel_size == layer.stride == size:
                return layer.kernel_size[0], min(rows, columns)
    return 0, 0
