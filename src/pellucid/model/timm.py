"""The timm zoo: every image classifier of PyTorch Image Models by name, random, pretrained or from a file.

Wightman, "PyTorch Image Models", 2019: https://github.com/huggingface/pytorch-image-models.

Shapes: B images, C channels, H × W pixels, D embedding, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.model.loading import load_weights
from pellucid.model.state_file import StateFile
from pellucid.model.stem import choose_stem, is_small
from pellucid.model.timm_build import TimmBuild, check_options
from pellucid.model.timm_source import TimmSource
from pellucid.model.timm_stem import with_small_stem
from pellucid.model.transfer import (
    LibraryNet,
    Preprocessing,
    TransferClassifier,
    by_channel,
    child_stages,
    trained_stages,
)

OPENED = {"stages", "transformers"}  # containers of stages, in nets that timm does not group


class TimmClassifier(TransferClassifier):
    """A net of timm by its name: its ``backbone`` without the classifier, and a new linear ``head``.

    ``arch``: a name of ``timm.list_models()``, also with the tag of its weights, ``convnext_tiny.fb_in22k``.
    ``weights``: ``none`` (random), ``default`` (timm's own of the first tag, downloaded), a tag, or the path
    of a run or a file, see ``StateFile``. ``trainable``: ``head``, ``last_N`` (the last N of timm's groups of
    layers, and the head) or ``all``; what is not trained stays in evaluation mode. ``stem``: as of
    ``TorchvisionClassifier``, of most nets; of nets that cut patches by smaller ones. ``drop_rate`` (of the
    embedding) and ``drop_path_rate`` (of residual branches) in [0, 1]; null: the net's own. ``options``:
    further arguments of timm's builder. Other than three channels are taken by the first layer, pretrained
    ones added up or repeated. ``augmentations_per_image``: how many a frozen backbone is shown; 0: a new one
    each epoch.
    Raises UserError for an unknown name or option or a file that does not fit, ImageTooSmallError.
    """

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int],
        num_classes: int,
        arch: str = "resnet18",
        weights: str | None = "default",
        trainable: str = "all",
        stem: str = "auto",
        drop_rate: float | None = None,
        drop_path_rate: float | None = None,
        options: Mapping[str, Any] = {},
        augmentations_per_image: int = 0,
        channels_last: bool = False,
    ) -> None:
        super().__init__(trainable=trainable, augmentations_per_image=augmentations_per_image)
        source = TimmSource.find(arch, weights)
        given = {"drop_rate": drop_rate, "drop_path_rate": drop_path_rate}
        rates = {name: rate for name, rate in given.items() if rate is not None}
        check_options(options, rates, trainable)
        downloaded = source.pretrained and source.file is None
        file = None if source.file is None else StateFile.read(source.file, "model.weights")
        if file is not None and stem == "auto":
            stem = self.stem_of(arch, file.tensors)
        build = TimmBuild(source, {**options, **rates})
        word = "default" if downloaded else str(source.file or "none")
        self.stem = choose_stem(stem, word, image_shape[1:])
        if self.stem == "small":
            smaller = with_small_stem(build, image_shape, asked=stem == "small")
            build, self.stem = (build, "standard") if smaller is None else (smaller, "small")
        width = build.width(image_shape)
        head = nn.Linear(width, num_classes)
        self.backbone = build.pretrained(image_shape) if downloaded else build(image_shape)
        self.head = head  # behind the backbone, in the order in which layers are shown
        self._library = partial(build.library_net, image_shape, num_classes)
        self._fitted = partial(build.fitted, image_shape)
        trained = trained_stages(stages(self.backbone), trainable)
        parameters = [parameter for stage in trained for parameter in stage]
        self._train_only(parameters, _following(self.backbone, parameters))
        if channels_last:
            self.to(memory_format=torch.channels_last)
        self.train()
        if file is not None:
            load_weights(self, file)

    @classmethod
    def weights_file(cls, *, arch: str, weights: str | None) -> str | None:
        file = TimmSource.find(arch, weights).file
        return None if file is None else str(file)

    @classmethod
    def stem_of(cls, arch: str, tensors: Mapping[str, Tensor]) -> str:
        """``small`` where a layer's windows are smaller than timm's, as 3 × 3 never are."""
        build = TimmBuild(TimmSource.find(arch, None), {})
        return "small" if is_small(build.empty(build.made_for), tensors) else "standard"

    def library(self) -> LibraryNet:
        return self._library(self.backbone)

    def adapted(self, state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        expected = self.backbone.state_dict()
        fits = all(key in state and state[key].shape == value.shape for key, value in expected.items())
        return state if fits else self._fitted(state)

    @classmethod
    def preprocessing(cls, *, arch: str, weights: str | None, channels: int) -> Preprocessing | None:
        """That of the pretrained configuration of the weights, also where they are a file; of random none."""
        source = TimmSource.find(arch, weights)
        if not source.pretrained:
            return None
        config = source.config
        return Preprocessing(
            mean=by_channel(config.mean, channels),
            std=by_channel(config.std, channels),
            size=config.input_size[1],
            resample="bilinear" if config.interpolation == "bilinear" else "bicubic",
            crop=config.crop_pct,
            source=f"those that {source.tagged} of timm was trained with",
        )


def stages(backbone: nn.Module) -> list[list[nn.Parameter]]:
    """The net's stages from input to output, as timm groups its layers, each a list of parameters.

    A group of norms alone belongs to the one before it. Of the few nets that timm does not group: the
    children, and those of their containers of stages.
    """
    from timm.models import group_parameters

    if not hasattr(backbone, "group_matcher"):
        parts = child_stages(backbone, OPENED)
        found = [[parameter for module in part for parameter in module.parameters()] for part in parts]
        owned = {id(parameter) for part in found for parameter in part}
        found[0] += [p for p in backbone.parameters() if id(p) not in owned]  # positions, of the net itself
        return found
    try:
        groups = group_parameters(backbone, backbone.group_matcher(coarse=True))  # type: ignore[operator]
    except AssertionError:  # it groups by blocks only
        groups = group_parameters(backbone, backbone.group_matcher())  # type: ignore[operator]
    found = list[list[nn.Parameter]]()
    for _, names in sorted(groups.items()):
        parameters = [backbone.get_parameter(name) for name in names]
        if found and all(parameter.ndim <= 1 for parameter in parameters):
            found[-1] += parameters
        else:
            found.append(parameters)
    return found


def _following(backbone: nn.Module, trained: Sequence[nn.Parameter]) -> list[nn.Module]:
    """The modules that follow the net's mode: those with trained parameters, and what is behind."""
    chosen = {id(parameter) for parameter in trained}
    following, is_trained = [], False
    for module in backbone.modules():
        own = [id(parameter) in chosen for parameter in module.parameters()]
        is_trained = any(own) if own else is_trained
        if is_trained:
            following.append(module)
    return following
