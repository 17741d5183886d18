"""The torchvision zoo: transfer learning over every one of its classifiers by name, ResNet-18 first.

He et al., "Deep residual learning for image recognition", 2016; strategies of fine-tuning after
Yosinski et al., "How transferable are features in deep neural networks?", 2014.

Shapes: B images, C channels, H × W pixels, D embedding, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torchvision import models

from pellucid.errors import ImageTooSmallError, UserError, did_you_mean
from pellucid.model.loading import load_weights
from pellucid.model.state_file import StateFile
from pellucid.model.stem import choose_stem, is_small, shrink_stem, widen_stem
from pellucid.model.transfer import (
    MAX_TRIED_SIDE,
    LibraryNet,
    TransferClassifier,
    child_stages,
    runs,
    smallest_side,
    trained_stages,
)

# Builders that need more than a name: auxiliary heads off, the initialisation chosen, and from images
# normalised as ImageNet's to those that these two nets were trained on.
BUILD_OPTIONS = {
    "googlenet": {"aux_logits": False, "init_weights": True, "transform_input": True},
    "inception_v3": {"aux_logits": False, "init_weights": True, "transform_input": True},
}
OPENED = {"features", "layers", "classifier", "encoder"}  # containers whose children are the stages


class TorchvisionClassifier(TransferClassifier):
    """A net of the torchvision zoo: its ``backbone`` without the last layer, and a new linear ``head``.

    ``stem``: ``small`` keeps the pixels of images up to 64 a side, see ``pellucid.model.stem``; ``standard``
    is torchvision's; ``auto`` is small where random weights meet such images, and where a file's first layer
    is smaller than torchvision's. Then ``stem`` says which it is.
    ``weights``: ``none`` (random), ``default`` (torchvision's best, downloaded) or the path of a run or a
    file, see ``StateFile``. ``trainable``: ``head``, ``last_N`` (the last N stages and the head) or ``all``;
    what is not trained stays in evaluation mode. Grey images are repeated into three channels; of another
    number, which needs random weights, the first convolution takes all. ``augmentations_per_image``: how many
    a frozen backbone is shown; 0: a new one each epoch. ``views`` is its old name, taken where it is given.
    Raises UserError for an unknown name or a file that does not fit, ImageTooSmallError.
    """

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int],
        num_classes: int,
        arch: str = "resnet18",
        weights: str | None = "default",
        trainable: str = "head",
        stem: str = "auto",
        augmentations_per_image: int = 0,
        views: int | None = None,
        channels_last: bool = True,
    ) -> None:
        augmentations = augmentations_per_image if views is None else views
        super().__init__(trainable=trainable, augmentations_per_image=augmentations)
        _check_arch(arch)
        weights = weights or "none"
        _check_channels(arch, weights, image_shape[0])
        size = image_shape[1:]
        self.channels = 3 if image_shape[0] == 1 else image_shape[0]
        given = self.weights_file(arch=arch, weights=weights)
        file = StateFile.read(given, "model.weights") if given else None
        if file is not None and stem == "auto":
            stem = self.stem_of(arch, file.tensors)
        self.stem = choose_stem(stem, weights, size)
        self.backbone, self._changed = self._build(arch, weights, size)
        if self.stem == "small" and stem == "auto" and not runs(self.backbone, (self.channels, *size)):
            self.stem = "standard"  # made for one size only
            self.backbone, self._changed = self._build(arch, weights, size)
        name, width = _cut_head(self.backbone, arch)
        self.head = nn.Linear(width, num_classes)
        self._arch, self._head_name = arch, name
        _check_size(self.backbone, arch, (self.channels, *size))
        parts = trained_stages(stages(self.backbone), trainable)
        trained = [self.backbone] if trainable == "all" else [module for part in parts for module in part]
        self._train_only(
            [parameter for module in trained for parameter in module.parameters()],
            [child for module in trained for child in module.modules()],
        )
        if channels_last:
            self.to(memory_format=torch.channels_last)
        self.train()
        if file is not None:
            load_weights(self, file)

    def _build(self, arch: str, weights: str, size: tuple[int, int]) -> tuple[nn.Module, list[str]]:
        """The net, and the names of the layers in which it differs from torchvision's."""
        net = _of_library(arch, weights, size, self.stem)
        changed = [] if self.channels == 3 else [widen_stem(net, self.channels)]
        if self.stem == "small":
            shrunk = shrink_stem(net, size, self.channels)
            changed += shrunk
            self.stem = "small" if shrunk else "standard"  # it keeps all pixels by itself, as VGG does
        return net, changed

    @classmethod
    def stem_of(cls, arch: str, tensors: Mapping[str, Tensor]) -> str:
        """``small`` where the first convolution is smaller than torchvision's, which 3 × 3 never is."""
        _check_arch(arch)
        with torch.device("meta"):
            plain = models.get_model(arch, weights=None, **BUILD_OPTIONS.get(arch, {}))
        return "small" if is_small(plain, tensors) else "standard"

    def library(self) -> LibraryNet:
        name, backbone = self._head_name, self.backbone
        arguments: dict[str, Any] = {
            "num_classes": self.head.out_features,
            **BUILD_OPTIONS.get(self._arch, {}),
        }
        changes = {changed: backbone.get_submodule(changed) for changed in self._changed}
        if isinstance(backbone, models.VisionTransformer):
            arguments |= _arguments_of_transformer(backbone)
            builder = "torchvision.models.VisionTransformer"
            return LibraryNet(builder, arguments, (name,), changes=changes, channels=self.channels)
        squeezed = self._arch.startswith("squeezenet")
        if squeezed:  # its scores go through a ReLU, which is left out here
            changes["classifier.2"] = nn.Identity()
        if self._arch == "maxvit_t":  # whose last layer has no bias
            changes[name] = nn.Linear(self.head.in_features, self.head.out_features)
        shape = (1, 1) if squeezed else ()
        builder = f"torchvision.models.{self._arch}"
        return LibraryNet(builder, arguments, (name,), shape, changes, channels=self.channels)

    def embed(self, images_BCHW: Tensor) -> Tensor:
        return super().embed(images_BCHW.expand(-1, self.channels, -1, -1))


def _check_arch(arch: str) -> None:
    names = models.list_models(module=models)
    if arch not in names:
        hint = did_you_mean(arch, names)
        raise UserError(f"model.arch={arch}: torchvision has no such classifier.{hint}")


def _check_channels(arch: str, weights: str, channels: int) -> None:
    """Raise UserError where pretrained weights do not take so many."""
    if channels not in (1, 3) and weights == "default":
        raise UserError(
            f"model.weights={weights}: torchvision's weights of {arch} take 3 channels, the images have "
            f"{channels}. Start from random weights by model.weights=none, or take a net of timm, "
            "model=timm, which adapts pretrained weights to any number of channels."
        )


def _of_library(arch: str, weights: str, size: tuple[int, int], stem: str) -> nn.Module:
    options: dict[str, bool | int] = {**BUILD_OPTIONS.get(arch, {})}
    if arch.startswith("vit_") and weights == "none" and stem == "standard":
        patch = int(arch.rpartition("_")[2])
        side = size[0]
        if side % patch:
            raise ImageTooSmallError(arch, side, (side // patch + 1) * patch)
        options["image_size"] = side  # its position embedding has one entry a patch
    if weights != "default":
        random: nn.Module = models.get_model(arch, weights=None, **options)
        return random
    try:
        backbone: nn.Module = models.get_model(arch, weights="DEFAULT")
    except OSError as error:  # urllib's URLError is one
        raise UserError(
            f"model.weights=default: the weights of {arch} could not be downloaded ({error}). "
            "Connect to the network once, or give a state dict by model.weights=<file>, "
            "or start from random weights by model.weights=none."
        ) from error
    for name in ("aux1", "aux2", "AuxLogits"):  # the pretrained builders insist on auxiliary heads
        if name in dict(backbone.named_children()):
            setattr(backbone, name, None)
            backbone.aux_logits = False  # type: ignore[assignment]
    return backbone


def _cut_head(backbone: nn.Module, arch: str) -> tuple[str, int]:
    """Take the last layer off; its name and the width of what it saw."""
    if arch.startswith("squeezenet"):
        # Its last layer is a 1 × 1 convolution, averaged over places: a linear layer after the average.
        assert isinstance(backbone.classifier, nn.Sequential)
        convolution = backbone.classifier[1]
        assert isinstance(convolution, nn.Conv2d)
        backbone.classifier = nn.Sequential(backbone.classifier[0], nn.AdaptiveAvgPool2d(1), nn.Flatten())
        return "classifier.1", convolution.in_channels
    name, last = [
        (name, module) for name, module in backbone.named_modules() if isinstance(module, nn.Linear)
    ][-1]
    parent = backbone.get_submodule(name.rpartition(".")[0])
    setattr(parent, name.rpartition(".")[2], nn.Identity())
    return name, last.in_features


def _arguments_of_transformer(net: models.VisionTransformer) -> dict[str, int]:
    return {
        "image_size": net.image_size,
        "patch_size": net.patch_size,
        "num_layers": len(net.encoder.layers),
        "num_heads": net.encoder.layers[0].num_heads,
        "hidden_dim": net.hidden_dim,
        "mlp_dim": net.mlp_dim,
    }


def _check_size(backbone: nn.Module, arch: str, image_shape: tuple[int, int, int]) -> None:
    """Raise ImageTooSmallError where the net cannot run on images of that shape.

    The smallest size that works is found by running the net without any arithmetic (meta tensors).
    """
    channels, height, width = image_shape
    if runs(backbone, image_shape):
        return

    def accepts(side: int) -> bool:
        return runs(backbone, (channels, side, side))

    size, longer = sorted((height, width))
    if size < longer and (accepts(size) or accepts(longer)):
        raise UserError(
            f"model.arch={arch}: it takes square images, not {height} × {width}. Set data.image_size="
            f"{size if accepts(size) else longer}, or take another net."
        )
    if not accepts(MAX_TRIED_SIDE):
        if not accepts(224) or size >= 224:
            raise UserError(f"model.arch={arch}: it does not run on images of {size} pixels a side.")
        raise ImageTooSmallError(arch, size, 224)  # nets made for one size only
    raise ImageTooSmallError(arch, size, smallest_side(accepts, size, MAX_TRIED_SIDE))


def stages(backbone: nn.Module) -> list[list[nn.Module]]:
    """The net's stages from input to output, each a list of modules with parameters."""
    return child_stages(backbone, OPENED)
