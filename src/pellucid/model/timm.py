"""The timm zoo: every image classifier of PyTorch Image Models by name, random, pretrained or from a file.

Wightman, "PyTorch Image Models", 2019: https://github.com/huggingface/pytorch-image-models.

Shapes: B images, C channels, H × W pixels, D embedding, K classes.
"""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from pellucid.errors import OPTION_ERRORS, ImageTooSmallError, UserError, did_you_mean, first_line
from pellucid.model.loading import load_weights
from pellucid.model.state_file import StateFile
from pellucid.model.transfer import (
    MAX_TRIED_SIDE,
    LibraryNet,
    Preprocessing,
    TransferClassifier,
    by_channel,
    child_stages,
    smallest_side,
    trained_stages,
)

if TYPE_CHECKING:
    from timm.models import PretrainedCfg

MAX_LISTED = 20  # names
PRETRAINED = ("default", "pretrained")  # words for timm's own weights
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
OPENED = {"stages", "transformers"}  # containers of stages, in nets that timm does not group
FAILURES = (*OPTION_ERRORS, AssertionError)  # what nets raise for images or options that they do not take


class TimmClassifier(TransferClassifier):
    """A net of timm by its name: its ``backbone`` without the classifier, and a new linear ``head``.

    ``arch``: a name of ``timm.list_models()``, also with the tag of its weights, ``convnext_tiny.fb_in22k``.
    ``weights``: ``none`` (random), ``default`` (timm's own of the first tag, downloaded), a tag, or the path
    of a run or a file, see ``StateFile``. ``trainable``: ``head``, ``last_N`` (the last N of timm's groups of
    layers, and the head) or ``all``; what is not trained stays in evaluation mode. ``drop_rate`` (of the
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
        drop_rate: float | None = None,
        drop_path_rate: float | None = None,
        options: Mapping[str, Any] = {},
        augmentations_per_image: int = 0,
        channels_last: bool = False,
    ) -> None:
        super().__init__(trainable=trainable, augmentations_per_image=augmentations_per_image)
        source = _Source.find(arch, weights)
        given = {"drop_rate": drop_rate, "drop_path_rate": drop_path_rate}
        rates = {name: rate for name, rate in given.items() if rate is not None}
        _check_options(options, rates, trainable)
        build = _Build(source, {**options, **rates})
        width = _check_size(build, image_shape)
        head = nn.Linear(width, num_classes)
        downloaded = source.pretrained and source.file is None
        self.backbone = _pretrained(build, image_shape) if downloaded else build(image_shape)
        self.head = head  # behind the backbone, in the order in which layers are shown
        self._library = partial(build.library_net, image_shape, num_classes)
        self._fitted = partial(_fitted, build, image_shape)
        trained = trained_stages(stages(self.backbone), trainable)
        parameters = [parameter for stage in trained for parameter in stage]
        self._train_only(parameters, _following(self.backbone, parameters))
        if channels_last:
            self.to(memory_format=torch.channels_last)
        self.train()
        if source.file is not None:
            load_weights(self, StateFile.read(source.file, "model.weights"))

    @classmethod
    def weights_file(cls, *, arch: str, weights: str | None) -> str | None:
        file = _Source.find(arch, weights).file
        return None if file is None else str(file)

    def library(self) -> LibraryNet:
        return self._library()

    def adapted(self, state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        expected = self.backbone.state_dict()
        fits = all(key in state and state[key].shape == value.shape for key, value in expected.items())
        return state if fits else self._fitted(state)

    @classmethod
    def preprocessing(cls, *, arch: str, weights: str | None, channels: int) -> Preprocessing | None:
        """That of the pretrained configuration of the weights, also where they are a file; of random none."""
        source = _Source.find(arch, weights)
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


@dataclass(frozen=True)
class _Source:
    """A net's name in timm, the tag of its weights, and which weights are wanted: a ``file``, or timm's."""

    name: str
    tag: str
    pretrained: bool
    file: Path | None

    @classmethod
    def find(cls, arch: str, weights: str | None) -> _Source:
        """By the options ``arch`` and ``weights``. Raises UserError."""
        _check_timm()
        name, _, tag = arch.partition(".")
        _check_arch(arch, name)
        tags = tags_of(name)
        if tag and tag not in tags:
            raise UserError(f"model.arch={arch}: {_tags_told(name, tag, tags)}")
        weights = weights or "none"
        if weights in tags:
            return cls(name, weights, True, None)
        if weights in PRETRAINED and not tags:
            raise UserError(
                f"model.weights={weights}: timm has no weights of {name}. Start from random ones by "
                "model.weights=none, or give a state dict by model.weights=<file>."
            )
        if weights in ("none", *PRETRAINED):
            return cls(name, tag, weights != "none", None)
        file = Path(weights).expanduser()
        if not file.exists():
            raise UserError(
                f"model.weights={weights}: expected none, default, the path of a run or a file, or a tag of "
                f"timm: {_tags_told(name, weights, tags)}"
            )
        return cls(name, tag, True, file)

    @property
    def tagged(self) -> str:
        return f"{self.name}.{self.tag}" if self.tag else self.name

    @property
    def config(self) -> PretrainedCfg:
        """The pretrained configuration of timm; its plain one where it has none of the net."""
        from timm.models import PretrainedCfg, get_pretrained_cfg

        return get_pretrained_cfg(self.tagged, allow_unregistered=True) or PretrainedCfg()


@dataclass(frozen=True)
class _Build:
    """A builder of the net without its classifier, for images of a shape. Raises what timm raises."""

    source: _Source
    options: Mapping[str, Any]

    def __call__(self, image_shape: tuple[int, int, int], **weights: Any) -> nn.Module:
        import timm

        arguments = {**self.arguments(image_shape), "num_classes": 0, **weights}
        net: nn.Module = timm.create_model(self.source.tagged, **arguments)
        return net

    def arguments(self, image_shape: tuple[int, int, int]) -> dict[str, Any]:
        """Those of timm's builder beside the name and the classes."""
        channels, height, width = image_shape
        fixed = self.source.config.fixed_input_size
        size = {"img_size": height if height == width else (height, width)} if fixed else {}
        return {"in_chans": channels, **self.options, **size}

    def library_net(self, image_shape: tuple[int, int, int], num_classes: int) -> LibraryNet:
        """The net with its classifier."""
        arguments = {"num_classes": num_classes, **self.arguments(image_shape)}
        names = self.source.config.classifier or ()
        heads = (names,) if isinstance(names, str) else tuple(names)
        return LibraryNet("timm.create_model", {"model_name": self.source.tagged, **arguments}, heads)


def _check_timm() -> None:
    try:
        import timm  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"model=timm needs the package timm, which cannot be imported ({first_line(error)}). Install it "
            "by pip install 'pellucid[timm]', or use a classifier of torchvision, model=resnet_finetune."
        ) from error


def tags_of(name: str) -> list[str]:
    """The tags of the weights that timm has of a net, its default first."""
    from timm.models import get_pretrained_cfg, list_models

    tags = [tagged.partition(".")[2] for tagged in list_models(f"{name}.*", pretrained=True)]
    config = get_pretrained_cfg(name, allow_unregistered=True)
    return sorted(filter(None, tags), key=lambda tag: (tag != (config and config.tag), tag))


def _tags_told(name: str, tag: str, tags: Sequence[str]) -> str:
    if not tags:
        return f"timm has no weights of {name}."
    return f"of {name} it has {_listed(tags)}.{did_you_mean(tag, tags)}"


def _check_arch(arch: str, name: str) -> None:
    """Raise UserError where timm has no net of that name: the nearest, or all that a pattern matches."""
    import timm

    if set("*?[") & set(arch):
        arch = arch.lower()  # as all names are
        names = timm.list_models(pretrained="." in arch)
        matched = [known for known in names if fnmatch(known, arch)] or timm.list_models(arch)
        text = f"of timm it matches {len(matched)}: {_listed(matched)}. Choose one" if matched else (
            "of timm it matches none. Try model.arch='*vit*'"
        )  # fmt: skip
        raise UserError(f"model.arch={arch}: expected the name of one net; {text}.")
    if not timm.is_model(name):
        known = timm.list_models()
        hint = did_you_mean(name.lower(), known, limit=3)
        start = name.lower()[:3]
        if any(other.startswith(start) for other in known):
            hint += f" model.arch='{start}*' lists more."
        raise UserError(f"model.arch={arch}: timm has no such net.{hint}")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return ", ".join(names[:MAX_LISTED]) + more


def _check_options(options: Mapping[str, Any], rates: Mapping[str, float], trainable: str) -> None:
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


def _try(build: _Build, image_shape: tuple[int, int, int]) -> int | Exception:
    """D of the net for such images, or why it does not take them; without arithmetic (meta tensors)."""
    try:
        with torch.device("meta"):
            backbone = build(image_shape)
            patch_H, patch_W = _patch(backbone) if build.source.config.fixed_input_size else (1, 1)
            if image_shape[1] % patch_H or image_shape[2] % patch_W:
                return ValueError(f"its patches of {patch_H} pixels a side would leave some of them out")
            return _width(backbone, image_shape, "meta")
    except FAILURES as error:
        return error


def _patch(backbone: nn.Module) -> tuple[int, int]:
    """Height and width of the patches that images are cut into; 1, 1 where they are not."""
    size = getattr(getattr(backbone, "patch_embed", None), "patch_size", 1)
    return size if isinstance(size, tuple) else (size, size)


def _check_size(build: _Build, image_shape: tuple[int, int, int]) -> int:
    """D. Raises ImageTooSmallError with a size that works; UserError where none does, or options misfit."""
    found = _try(build, image_shape)
    if isinstance(found, int):
        return found
    channels, side = image_shape[0], min(image_shape[1:])
    config = build.source.config
    own = _try(build, (channels, *config.input_size[1:]))
    if isinstance(own, Exception):
        try:  # a few nets do not run on meta tensors
            return _width(build(image_shape), image_shape, "cpu")
        except FAILURES as error:
            _check_names(build, error)
            raise UserError(
                f"model.arch={build.source.tagged}: not with these options and images of "
                f"{' × '.join(map(str, image_shape))}: {first_line(error).rstrip('.')}."
            ) from error
    if not config.fixed_input_size and config.input_size[1] > side:

        def accepts(larger: int) -> bool:
            return isinstance(_try(build, (channels, larger, larger)), int)

        raise ImageTooSmallError(build.source.name, side, smallest_side(accepts, side, config.input_size[1]))
    sides = {-(-side // grid) * grid for grid in GRIDS} | {config.input_size[1]}
    for larger in sorted(size for size in sides if side < size <= MAX_TRIED_SIDE):
        if isinstance(_try(build, (channels, larger, larger)), int):
            raise ImageTooSmallError(build.source.name, side, larger)
    raise UserError(
        f"model.arch={build.source.tagged}: it does not run on images of {image_shape[1]} × {image_shape[2]} "
        f"pixels ({first_line(found).rstrip('.')}). Set data.image_size={config.input_size[1]}."
    )


def _check_names(build: _Build, error: BaseException) -> None:
    """Raise UserError for an option that the net's class does not take."""
    match = re.search(r"(unexpected|multiple values for) keyword argument '(\w+)'", str(error))
    if match is None or match[2] not in build.options:
        return
    name, own = match[2], build.source.config.input_size
    where = f"model.{name}" if name in ("drop_rate", "drop_path_rate") else f"model.options.{name}"
    if match[1] != "unexpected":
        raise UserError(f"{where}: {build.source.name} is what it is by its own; leave it out.") from error
    with torch.device("meta"):
        plain = _Build(build.source, {})(own)
    known = [name for name in inspect.signature(type(plain)).parameters if name not in TAKEN]
    hint = did_you_mean(name, known)
    raise UserError(
        f"{where}: {build.source.name} has no such option.{hint} {type(plain).__name__} takes: "
        f"{', '.join(known)}."
    ) from error


def _pretrained(build: _Build, image_shape: tuple[int, int, int]) -> nn.Module:
    try:
        with _retrying_quietly():
            return build(image_shape, pretrained=True)
    except OSError as error:  # of huggingface_hub, urllib
        raise UserError(
            f"model.weights=default: the weights of {build.source.tagged} could not be downloaded "
            f"({first_line(error)}). Connect to the network once, or give a state dict by "
            "model.weights=<file>, or start from random weights by model.weights=none."
        ) from error
    except FAILURES as error:
        raise UserError(
            f"model.weights=default: the weights of {build.source.tagged} do not fit these options or "
            f"images: {first_line(error).rstrip('.')}. Leave model.options out, or set model.weights=none."
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


def _fitted(
    build: _Build, image_shape: tuple[int, int, int], state: Mapping[str, Tensor]
) -> Mapping[str, Tensor]:
    """A file's weights by timm's names of today, fitted to size and channels as timm fits its own; as they
    are where timm does not take them.
    """
    overlay = {"state_dict": dict(state), "num_classes": 0, "label_offset": 0}
    try:
        return build(image_shape, pretrained=True, pretrained_cfg_overlay=overlay).state_dict()
    except FAILURES:
        return state


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
