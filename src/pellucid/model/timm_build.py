"""The builder of a net of timm for images of a shape, and which shapes it takes.

Shapes: C channels, H × W pixels, D embedding, K classes.
"""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.errors import (
    OPTION_ERRORS,
    ImageTooSmallError,
    UserError,
    did_you_mean,
    first_line,
    missing_package,
)
from pellucid.model.stem import Stem
from pellucid.model.timm_source import TimmSource
from pellucid.model.transfer import MAX_TRIED_SIDE, LibraryNet, smallest_side

GRIDS = (4, 8, 14, 16, 28, 32, 56, 64, 112, 128)  # pixels a side that nets of one size want a multiple of
# Of the builder, and not to be set by ``options``: who sets them.
TAKEN = {
    "num_classes": "the data's classes set it",
    "in_chans": "the data's images set it",
    "img_size": "set data.image_size",
    "pretrained": "set model.weights",
    "pretrained_cfg": "set model.weights",
    "pretrained_cfg_overlay": "set model.weights",
    "checkpoint_path": "set model.weights",
    "features_only": "the net is to classify",
    "drop_rate": "set model.drop_rate",
    "drop_path_rate": "set model.drop_path_rate",
}
FAILURES = (*OPTION_ERRORS, AssertionError)  # what nets raise for images or options that they do not take


@dataclass(frozen=True)
class TimmBuild:
    """A builder of the net without its classifier, for images of a shape. Raises what timm raises.

    ``stem``: the net's own, which is shrunk; None: it stays as it is.
    """

    source: TimmSource
    options: Mapping[str, Any]
    stem: Stem | None = None

    def __call__(self, image_shape: tuple[int, int, int], **weights: Any) -> nn.Module:
        import timm

        arguments = {**self.arguments(image_shape), "num_classes": 0, **weights}
        net: nn.Module = timm.create_model(self.source.tagged, **arguments)
        if self.stem is not None:
            self.stem.shrink(net, image_shape[1:])
        return net

    @property
    def made_for(self) -> tuple[int, int, int]:
        """The shape of images that timm has the net for."""
        return self.source.config.input_size

    def empty(self, image_shape: tuple[int, int, int]) -> nn.Module:
        """The net without any memory (meta tensors)."""
        with torch.device("meta"):
            return self(image_shape)

    def arguments(self, image_shape: tuple[int, int, int]) -> dict[str, Any]:
        """Those of timm's builder beside the name and the classes."""
        channels, *size = image_shape
        if self.stem is not None:  # behind a smaller one the maps are those of larger images
            size = [side * self.stem.stride // self.stem.small_stride(image_shape[1:]) for side in size]
        height, width = size
        fixed = self.source.config.fixed_input_size
        sized = {"img_size": height if height == width else (height, width)} if fixed else {}
        return {"in_chans": channels, **self.options, **sized}

    def library_net(
        self, image_shape: tuple[int, int, int], num_classes: int, backbone: nn.Module
    ) -> LibraryNet:
        """The net with its classifier, and the stem of ``backbone`` where it is not timm's."""
        arguments = {"num_classes": num_classes, **self.arguments(image_shape)}
        changed = self.stem.names if self.stem is not None else ()
        changes = {name: backbone.get_submodule(name) for name in changed}
        names = self.source.config.classifier or ()
        heads = (names,) if isinstance(names, str) else tuple(names)
        arguments = {"model_name": self.source.tagged, **arguments}
        return LibraryNet("timm.create_model", arguments, heads, changes=changes)

    def try_on(self, image_shape: tuple[int, int, int]) -> int | Exception:
        """D of the net for such images, or why it does not take them; without arithmetic (meta tensors)."""
        try:
            backbone = self.empty(image_shape)
            patch_H, patch_W = _patch(backbone) if self.source.config.fixed_input_size else (1, 1)
            if image_shape[1] % patch_H or image_shape[2] % patch_W:
                return ValueError(f"its patches of {patch_H} pixels a side would leave some of them out")
            return _width(backbone, image_shape, "meta")
        except FAILURES as error:
            return error

    def width(self, image_shape: tuple[int, int, int]) -> int:
        """D. Raises ImageTooSmallError with a size that works; UserError where none does, or for options
        that misfit.
        """
        found = self.try_on(image_shape)
        if isinstance(found, int):
            return found
        channels, side = image_shape[0], min(image_shape[1:])
        config = self.source.config
        own = self.try_on((channels, *self.made_for[1:]))
        if isinstance(own, Exception):
            try:  # a few nets do not run on meta tensors
                return _width(self(image_shape), image_shape, "cpu")
            except FAILURES as error:
                if needed := missing_package(error):
                    raise UserError(f"model.arch={self.source.tagged}{needed}") from error
                _check_names(self, error)
                raise UserError(
                    f"model.arch={self.source.tagged}: not with these options and images of "
                    f"{' × '.join(map(str, image_shape))}: {first_line(error).rstrip('.')}."
                ) from error
        if not config.fixed_input_size and self.made_for[1] > side:

            def accepts(larger: int) -> bool:
                return isinstance(self.try_on((channels, larger, larger)), int)

            raise ImageTooSmallError(self.source.name, side, smallest_side(accepts, side, self.made_for[1]))
        sides = {-(-side // grid) * grid for grid in GRIDS} | {self.made_for[1]}
        for larger in sorted(size for size in sides if side < size <= MAX_TRIED_SIDE):
            if isinstance(self.try_on((channels, larger, larger)), int):
                raise ImageTooSmallError(self.source.name, side, larger)
        raise UserError(
            f"model.arch={self.source.tagged}: it does not run on images of {image_shape[1]} × "
            f"{image_shape[2]} pixels ({first_line(found).rstrip('.')}). Set "
            f"data.image_size={self.made_for[1]}."
        )

    def pretrained(self, image_shape: tuple[int, int, int]) -> nn.Module:
        try:
            with _retrying_quietly():
                return self(image_shape, pretrained=True)
        except OSError as error:  # of huggingface_hub, urllib
            raise UserError(
                f"model.weights=default: the weights of {self.source.tagged} could not be downloaded "
                f"({first_line(error)}). Connect to the network once, or give a state dict by "
                "model.weights=<file>, or start from random weights by model.weights=none."
            ) from error
        except FAILURES as error:
            raise UserError(
                f"model.weights=default: the weights of {self.source.tagged} do not fit these options or "
                f"images: {first_line(error).rstrip('.')}. Leave model.options out, or set "
                "model.weights=none."
            ) from error

    def fitted(self, image_shape: tuple[int, int, int], state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """A file's weights by timm's names of today, fitted to size and channels as timm fits its own; as
        they are where timm does not take them.
        """
        if self.stem is not None:  # its first layers would come out random, as if the file had them
            return state
        overlay = {"state_dict": dict(state), "num_classes": 0, "label_offset": 0}
        try:
            return self(image_shape, pretrained=True, pretrained_cfg_overlay=overlay).state_dict()
        except FAILURES:
            return state


def check_options(options: Mapping[str, Any], rates: Mapping[str, float], trainable: str) -> None:
    """Raise UserError for options that are set elsewhere, or would be without effect."""
    for name in options:
        if name in TAKEN:
            raise UserError(f"model.options.{name}: {TAKEN[name]}; leave it out.")
    for name, rate in rates.items():
        if not 0 <= rate < 1:
            raise UserError(f"model.{name}={rate}: expected 0 to below 1.")
        if rate and trainable == "head":
            raise UserError(
                f"model.{name}={rate}: a frozen backbone drops nothing. Leave it out, or train some of it by "
                "model.trainable=last_1 or all."
            )


def _width(backbone: nn.Module, image_shape: tuple[int, int, int], device: str) -> int:
    """D, by a run on one image of zeros. Raises what the net raises."""
    with torch.no_grad():
        embedding_BD: Tensor = backbone.eval()(torch.zeros(1, *image_shape, device=device))
    return embedding_BD.shape[1]


def _patch(backbone: nn.Module) -> tuple[int, int]:
    """Height and width of the patches that images are cut into; 1, 1 where they are not."""
    size = getattr(getattr(backbone, "patch_embed", None), "patch_size", 1)
    return size if isinstance(size, tuple) else (size, size)


def _check_names(build: TimmBuild, error: BaseException) -> None:
    """Raise UserError for an option that the net's class does not take."""
    match = re.search(r"(unexpected|multiple values for) keyword argument '(\w+)'", str(error))
    if match is None or match[2] not in build.options:
        return
    name = match[2]
    where = f"model.{name}" if name in ("drop_rate", "drop_path_rate") else f"model.options.{name}"
    if match[1] != "unexpected":
        raise UserError(f"{where}: {build.source.name} is what it is by its own; leave it out.") from error
    plain = TimmBuild(build.source, {}).empty(build.made_for)
    known = [name for name in inspect.signature(type(plain)).parameters if name not in TAKEN]
    hint = did_you_mean(name, known)
    raise UserError(
        f"{where}: {build.source.name} has no such option.{hint} {type(plain).__name__} takes: "
        f"{', '.join(known)}."
    ) from error


@contextmanager
def _retrying_quietly() -> Iterator[None]:
    """Within, huggingface_hub does not tell of each of its tries: what has failed is said once."""
    logger = logging.getLogger("huggingface_hub")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
