"""A net of timm by its name: the tags of its weights, its pretrained configuration, the nearest of a typo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from pellucid.errors import UserError, did_you_mean, first_line

if TYPE_CHECKING:
    from timm.models import PretrainedCfg

MAX_LISTED = 20  # names
PRETRAINED = ("default", "pretrained")  # words for timm's own weights


@dataclass(frozen=True)
class TimmSource:
    """A net's name in timm, the tag of its weights, and which weights are wanted: a ``file``, or timm's."""

    name: str
    tag: str
    pretrained: bool
    file: Path | None

    @classmethod
    def find(cls, arch: str, weights: str | None) -> TimmSource:
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
