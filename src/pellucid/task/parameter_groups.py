"""The groups of a net's parameters: without weight decay, with a rate of their own by how deep they lie.

Not in the libraries as one: torchvision's is in its reference scripts, timm's is for timm's nets, whose order
of layers is taken where a net has it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from torch import nn
from torch.optim import Optimizer

from pellucid.errors import UserError, counted
from pellucid.inside.preserve_state import unwrap_compiled
from pellucid.optimizer.muon import is_matrix
from pellucid.system.ranges import check_range

MUON = ("pellucid.optimizer.muon", "timm.optim.muon")  # by which matrices are updated, the rest by AdamW
# Parameters of several sizes that are no layer's weights, by the last part of their names.
EMBEDDINGS = re.compile(
    r"(pos|position)_?(embed|embedding|emb)|(class|cls|dist|mask|reg)_token|relative_position"
)
CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
FEW = 4  # groups that are told one by one


@dataclass(frozen=True)
class Group:
    """Parameters that are updated alike: ``scale`` times the optimizer's rate, with its decay or none."""

    parameters: list[nn.Parameter]
    scale: float
    decayed: bool
    head: bool

    @property
    def count(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters)


class ParameterGroups:
    """How a net's parameters are grouped.

    ``weight_decay``: ``all``, or the ``weights`` of layers alone: no norms, biases, position embeddings and
    tokens, nor what the net itself names by ``no_weight_decay()``. ``backbone``: the rate of all but the
    last layer, as a share of that layer's, in (0, 1]. ``layer_decay``: each layer's rate as a share of that
    of the layer after it, in (0, 1] (Clark et al., "ELECTRA", 2020; Bao et al., "BEiT", 2022).
    Raises UserError.
    """

    def __init__(
        self,
        *,
        weight_decay: Literal["all", "weights"] = "all",
        backbone: float = 1.0,
        layer_decay: float = 1.0,
    ) -> None:
        if weight_decay not in ("all", "weights"):
            raise UserError(f"optimizer.groups.weight_decay={weight_decay}: expected all or weights.")
        check_range("optimizer.groups.backbone", backbone)
        check_range("optimizer.groups.layer_decay", layer_decay)
        self.weight_decay, self.backbone, self.layer_decay = weight_decay, backbone, layer_decay

    def split(self, net: nn.Module, more: Sequence[nn.Parameter] = (), *, apart: bool = False) -> list[Group]:
        """The groups, the largest rate first; of what is trained alone, each parameter in one of them.

        ``more``: parameters of the loss, which belong to the last layer. ``apart``: the last layer's are in
        groups of their own, whatever their rate.
        """
        layer_of, spared = layers_of(net), undecayed(net)
        last = max(layer_of.values(), default=0)
        groups: dict[tuple[float, bool, bool], list[nn.Parameter]] = {}
        trained = [(name, p) for name, p in net.named_parameters() if p.requires_grad]
        for name, parameter in [*trained, *(("", p) for p in more if p.requires_grad)]:
            layer = layer_of.get(name, last)
            is_head = layer == last
            scale = self.layer_decay ** (last - layer) * (1.0 if is_head else self.backbone)
            decayed = self.weight_decay == "all" or not (is_vector(parameter) or name in spared)
            groups.setdefault((scale, decayed, is_head and apart), []).append(parameter)
        order = sorted(groups, key=lambda key: (-key[0], not key[1], not key[2]))
        return [Group(groups[key], *key) for key in order]


class GroupedOptimizer(partial[Optimizer]):
    """What makes an optimizer of parameters, with the ``groups`` that they are put into before."""

    groups: ParameterGroups

    @classmethod
    def wrap(cls, make: Callable[..., Optimizer], groups: ParameterGroups) -> GroupedOptimizer:
        wrapped = cls(make.func, *make.args, **make.keywords) if isinstance(make, partial) else cls(make)
        wrapped.groups = groups
        return wrapped


def grouped(
    make: Callable[..., Optimizer], net: nn.Module, more: Sequence[nn.Parameter]
) -> list[Group] | None:
    """The groups that an optimizer wants of a net and its loss; None where all are in one, as they are."""
    groups = make.groups if isinstance(make, GroupedOptimizer) else None
    if groups is None and not _is_muon(make):
        return None
    return (groups or ParameterGroups()).split(unwrap_compiled(net), more, apart=_is_muon(make))


def as_options(groups: Sequence[Group], make: Callable[..., Optimizer]) -> list[dict[str, Any]]:
    """The groups as torch's optimizers take them."""
    rate, takes = _default(make, "lr"), inspect.signature(getattr(make, "func", make)).parameters
    options = []
    for group in groups:
        option: dict[str, Any] = {"params": group.parameters}
        if group.scale != 1:
            option["lr"] = group.scale * rate
        if not group.decayed and "weight_decay" in takes:
            option["weight_decay"] = 0.0
        if _is_muon(make):
            option["use_fallback"] = group.head
        options.append(option)
    return options


def told(groups: Sequence[Group], make: Callable[..., Optimizer]) -> str:
    """How many parameters are in which group, in a line."""
    rate, decay = _default(make, "lr"), _default(make, "weight_decay")
    spared = sum(group.count for group in groups if not group.decayed)
    text = f"Parameters in {counted(len(groups), 'group')}: "
    if len(groups) <= FEW:
        text += ", ".join(
            f"{group.count:,} at lr {rate * group.scale:.3g}"
            + (" without weight decay" if decay and not group.decayed else "")
            + (_by_adamw(group) if _is_muon(make) else "")
            for group in groups
        )
    else:
        total, first, last = sum(group.count for group in groups), groups[0].scale, groups[-1].scale
        text += f"{total:,} at lr {rate * first:.3g} (the last layer) to {rate * last:.3g} (the first)"
        text += f", {spared:,} of them without weight decay" if spared and decay else ""
    if spared and not decay:
        text += "; optimizer.weight_decay is 0, so there is none to leave out"
    return f"{text}."


def _by_adamw(group: Group) -> str:
    """Which of a group's parameters Muon leaves to AdamW."""
    count = sum(p.numel() for p in group.parameters if group.head or not is_matrix(p))
    whole = count == group.count
    return " by AdamW" if whole else f" ({count:,} of them by AdamW)" if count else ""


def _default(make: Callable[..., Optimizer], name: str) -> float:
    """An option of the optimizer, as given or as its class has it; 0 where it has none."""
    parameter = inspect.signature(getattr(make, "func", make)).parameters.get(name)
    default = 0.0 if parameter is None or parameter.default is parameter.empty else parameter.default
    return float(getattr(make, "keywords", {}).get(name, default))


def _is_muon(make: Callable[..., Optimizer]) -> bool:
    return str(getattr(getattr(make, "func", make), "__module__", "")) in MUON


def is_vector(parameter: nn.Parameter) -> bool:
    """Whether at most one of its sizes is above 1, as of biases, the weights of norms and layer scales."""
    return sum(size > 1 for size in parameter.shape) <= 1 and parameter.ndim < 4


def undecayed(net: nn.Module) -> set[str]:
    """Names of the parameters that nets say are to have no weight decay, of biases, and of embeddings."""
    names = set()
    for prefix, module in net.named_modules():
        of_net = getattr(module, "no_weight_decay", None)
        own = set(of_net()) if callable(of_net) else set()
        start = f"{prefix}." if prefix else ""
        names |= {
            start + name
            for name, _ in module.named_parameters()
            if own and any(name == n or name.endswith(f".{n}") or name.startswith(f"{n}.") for n in own)
        }
    last = {name: name.rpartition(".")[2] for name, _ in net.named_parameters()}
    return names | {name for name, end in last.items() if end == "bias" or EMBEDDINGS.search(end)}


def layers_of(net: nn.Module) -> dict[str, int]:
    """The number of the layer of each parameter, by name, from 0 at the input; the head is the last.

    By timm's own order where the net, or its backbone, has one; else by the order in which the net defines
    its blocks: convolutions, linear layers and modules of several of them, with the norms that follow.
    """
    for prefix, part in (("", net), ("backbone.", getattr(net, "backbone", None))):
        matcher = getattr(part, "group_matcher", None)
        if isinstance(part, nn.Module) and callable(matcher):
            numbers = _by_timm(part, matcher)
            last = max(numbers.values(), default=-1) + 1
            named = [name for name, _ in net.named_parameters()]
            return {name: numbers.get(name.removeprefix(prefix), last) for name in named}
    numbers, layer, begun = {}, 0, False
    for weighted, names in _blocks(net, ""):
        layer += weighted and begun
        begun |= weighted
        numbers |= dict.fromkeys(names, layer)
    return numbers


def _by_timm(net: nn.Module, matcher: Callable[..., Any]) -> Mapping[str, int]:
    from timm.models import group_parameters  # it is there: the net is its

    numbers: Mapping[str, int] = group_parameters(net, matcher(coarse=False), reverse=True)
    return numbers


def _blocks(module: nn.Module, prefix: str) -> Iterator[tuple[bool, list[str]]]:
    """Names of the parameters of each block, in the order of the net, and whether it has weights of layers.

    A net's own parameters are tokens and positions, which lie with the layer that they are added to.
    """
    if own := [prefix + name for name, _ in module.named_parameters(recurse=False)]:
        yield False, own
    for name, child in module.named_children():
        start = f"{prefix}{name}."
        if isinstance(child, CONTAINERS) or _has_blocks(child):
            yield from _blocks(child, start)
        elif parameters := list(child.named_parameters()):
            yield any(p.ndim > 1 for _, p in parameters), [start + inner for inner, _ in parameters]


def _has_blocks(module: nn.Module) -> bool:
    """Whether its children are layers of the net, and not parts of one: a container in it has blocks."""
    return any(
        isinstance(inner, CONTAINERS) and sum(map(_is_block, inner.children())) > 1
        for inner in module.modules()
    )


def _is_block(module: nn.Module) -> bool:
    """Whether it is a module of several layers, and no mere container."""
    inner = sum(any(True for _ in child.parameters()) for child in module.children())
    return inner > 1 and not isinstance(module, CONTAINERS)
