"""What nets of other libraries have in common here: a backbone, a new head, and how much of it is trained.

Shapes: B images, C channels, H × W pixels, D embedding, K classes.
"""

from __future__ import annotations

import copy
import importlib
import itertools
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from pellucid.errors import UserError

MAX_TRIED_SIDE = 512
T = TypeVar("T")


@dataclass(frozen=True)
class Preprocessing:
    """How images were prepared that pretrained weights were made of.

    ``mean`` and ``std`` of [0, 1] pixels, one a channel; ``size``: pixels a side; ``resample``: bilinear or
    bicubic; ``crop``: the part of the side, in (0, 1], that is taken at the centre.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    size: int
    resample: str
    crop: float
    source: str


@dataclass(frozen=True)
class LibraryNet:
    """The library's own net: its builder's dotted name and arguments, and the name of its last layer there,
    or of several that share their weights.

    ``head_shape``: what follows (K, D) in the shape of that layer's weight. ``changes``: modules of torch.nn
    that stand in place of its own, by name. ``channels``: those of its images, into which grey ones are
    repeated; 0: those of the data.
    """

    builder: str
    arguments: Mapping[str, Any]
    heads: tuple[str, ...]
    head_shape: tuple[int, ...] = ()
    changes: Mapping[str, nn.Module] = field(default_factory=dict)
    channels: int = 0

    def build(self) -> nn.Module:
        """The net with random weights, by its library, with the changes. Raises what the library raises."""
        module, _, name = self.builder.rpartition(".")
        net: nn.Module = getattr(importlib.import_module(module), name)(**self.arguments)
        for place, layer in self.changes.items():
            parent, _, child = place.rpartition(".")
            setattr(net.get_submodule(parent), child, copy.deepcopy(layer))
        return net


class TransferClassifier(nn.Module, ABC):
    """A ``backbone`` without its last layer, and a new linear ``head``; what is not trained stays as it is.

    A subclass builds both, says of which net of the ``library`` they are, and calls ``_train_only``.
    """

    backbone: nn.Module
    head: nn.Linear

    def __init__(self, *, trainable: str, augmentations_per_image: int) -> None:
        super().__init__()
        self.augmentations_per_image = augmentations_per_image
        option = f"model.augmentations_per_image={augmentations_per_image}"
        if augmentations_per_image < 0:
            raise UserError(f"{option}: expected 0 or more.")
        if augmentations_per_image and trainable != "head":
            raise UserError(f"{option}: only a frozen backbone is computed once; set model.trainable=head.")
        self._trained: Collection[nn.Module] = ()

    @classmethod
    def preprocessing(cls, *, arch: str, weights: str | None, channels: int) -> Preprocessing | None:
        """How images are prepared for the weights; None where as the data set says."""
        return None

    @classmethod
    def weights_file(cls, *, arch: str, weights: str | None) -> str | None:
        """The path that ``weights`` is; None where it is a word. Raises UserError where it is neither."""
        return None if weights in (None, "none", "default") else weights

    @classmethod
    def stem_of(cls, arch: str, tensors: Mapping[str, Tensor]) -> str:
        """The stem, ``small`` or ``standard``, of the net that a file's tensors are of."""
        return "standard"

    @abstractmethod
    def library(self) -> LibraryNet:
        """The library's net of which backbone and head are."""

    def library_state(self) -> dict[str, Tensor]:
        """The state dict under the library's names, which its own net takes."""
        state, library = self.backbone.state_dict(), self.library()  # with the versions that MNASNet asks for
        weight, bias = self.head.weight.detach(), self.head.bias.detach()
        for name in library.heads:
            state[f"{name}.weight"] = weight.reshape(*weight.shape, *library.head_shape)
            state[f"{name}.bias"] = bias
        return state

    def adapted(self, state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Weights of the backbone, from a file, fitted to its images as the library does, where it does."""
        return state

    def embed(self, images_BCHW: Tensor) -> Tensor:
        embedding_BD: Tensor = self.backbone(images_BCHW)
        return embedding_BD

    def forward(self, images_BCHW: Tensor) -> Tensor:
        logits_BK: Tensor = self.head(self.embed(images_BCHW))
        return logits_BK

    def train(self, mode: bool = True) -> TransferClassifier:
        """As in ``nn.Module``, but frozen parts stay in evaluation mode: their statistics must not drift."""
        super().train(mode)
        for module in self.backbone.modules():
            module.training = mode and module in self._trained
        return self

    def _train_only(self, parameters: Collection[nn.Parameter], modules: Collection[nn.Module]) -> None:
        """Freeze the backbone but for these; of the modules, those that follow the net's mode."""
        self.backbone.requires_grad_(False)
        for parameter in parameters:
            parameter.requires_grad_(True)
        self._trained = set(modules)


def trained_stages(stages: Sequence[T], trainable: str) -> Sequence[T]:
    """The stages that ``trainable`` says: of ``head`` none, of ``last_N`` the last N, of ``all`` all.

    Raises UserError.
    """
    if trainable in ("all", "head"):
        return stages if trainable == "all" else ()
    match = re.fullmatch(r"last_(\d+)", trainable)
    if match is None or not 1 <= int(match[1]) <= len(stages):
        raise UserError(
            f"model.trainable={trainable}: expected head, all or last_N with N from 1 to "
            f"{len(stages)}, the number of this net's stages."
        )
    return stages[-int(match[1]) :]


def by_channel(values: Sequence[float], channels: int) -> tuple[float, ...]:
    """Statistics of RGB for so many channels: for one their mean, as pretrained weights are added up."""
    if channels == 1:
        return (sum(values) / len(values),)
    return tuple(itertools.islice(itertools.cycle(values), channels))


def run_empty(net: nn.Module, image_shape: tuple[int, int, int]) -> None:
    """One image of that shape through the net, in evaluation mode, without any arithmetic (meta tensors)."""
    tensors = [*net.named_parameters(), *net.named_buffers()]
    state = {name: tensor.to("meta") for name, tensor in tensors}
    with torch.no_grad():
        images_BCHW = torch.zeros(1, *image_shape, device="meta")
        torch.func.functional_call(net.eval(), state, (images_BCHW,))


def runs(backbone: nn.Module, image_shape: tuple[int, int, int]) -> bool:
    """Whether a net takes images of that shape, which leaves it in evaluation mode."""
    try:
        run_empty(backbone, image_shape)
    except (RuntimeError, AssertionError, ZeroDivisionError):
        return False
    return True


def smallest_side(accepts: Callable[[int], bool], side: int, larger: int) -> int:
    """The least number of pixels a side that a net accepts, above ``side`` and at most ``larger``, which is
    accepted, as is all above the least.
    """
    while larger - side > 1:
        middle = (side + larger) // 2
        side, larger = (side, middle) if accepts(middle) else (middle, larger)
    return larger


def child_stages(backbone: nn.Module, opened: Collection[str]) -> list[list[nn.Module]]:
    """The net's stages from input to output, each a list of modules with parameters: its children, and those
    of the ``opened`` containers.

    A block or a convolution or linear layer begins a stage; a bare norm belongs to the one before it.
    """
    parts: list[list[nn.Module]] = []
    for module in _opened(backbone, opened):
        bare_norm = not any(True for _ in module.children()) and not isinstance(module, nn.Conv2d | nn.Linear)
        if bare_norm and parts:
            parts[-1].append(module)
        else:
            parts.append([module])
    return parts


def _opened(module: nn.Module, opened: Collection[str]) -> Iterator[nn.Module]:
    for name, child in module.named_children():
        if not any(True for _ in child.parameters()):
            continue
        if name in opened:
            yield from _opened(child, opened)
        else:
            yield child
