"""A file's weights into a net: by whatever prefix they are named, what fits, and told what does not.

Shapes: D embedding, K classes.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from pellucid.errors import UserError, counted
from pellucid.model.state_file import StateFile
from pellucid.model.transfer import TransferClassifier

log = logging.getLogger(__name__)
MAX_LISTED = 5  # names
State = Mapping[str, Tensor]


def load_weights(
    net: nn.Module, file: StateFile, *, classes: Sequence[str] = (), whole: bool = False
) -> None:
    """Fill a net by what fits of a file, and log in a line what does not.

    Names may begin with anything, in the file or in the net. A head for other classes is replaced by a new
    one; where the file names its classes, the rows of those that ``classes`` names too are kept. ``whole``:
    all must fit. Raises UserError where nothing fits but the head, or a layer that is not trained would stay
    random.
    """
    expected = {key: value for key, value in net.state_dict().items() if isinstance(value, Tensor)}
    found, unused = _find(net, file.tensors, expected)
    head = _head_keys(net, len(classes))
    as_given = found
    found, of_head = _fit_head(found, [key for key in head if key in expected], expected, file, classes)
    if whole and of_head:
        found, head = as_given, []
    fitting = {key: value for key, value in found.items() if value.shape == expected[key].shape}
    if all(key in head or value.ndim == 0 for key, value in fitting.items()):
        raise _nothing_fits(net, file, expected)
    if broken := [key for key, value in fitting.items() if not value.isfinite().all()]:
        raise UserError(
            f"{file.given}: values that are not finite stand in {_few([_told(net, key) for key in broken])}. "
            "Nothing can be learned from there; take an earlier checkpoint."
        )
    missing = [
        key
        for key in expected
        if key not in found and key not in head and not key.endswith("num_batches_tracked")
    ]
    shapes = {
        key: f"{_told(net, key)} {_size(value)} instead of {_size(expected[key])}"
        for key, value in found.items()
        if key not in fitting
    }
    text = (
        _listed("Missing", [_told(net, key) for key in missing])
        + _listed("Not in the net", unused)
        + _listed("Of another shape", list(shapes.values()))
    )
    if whole and text:
        raise UserError(f"{file.given}: this file does not fit {_name(net)}.{text}")
    frozen = {name for name, parameter in net.named_parameters() if not parameter.requires_grad}
    if frozen.intersection((*missing, *shapes)):
        raise UserError(
            f"{file.given}: not all of {_name(net)} is in this file, and what is not would stay random, "
            f"as it is not trained.{text} Train it by model.trainable=all, or give the model.arch and "
            "model.stem that the file was made for."
        )
    net.load_state_dict(fitting, strict=False)
    if shapes and hasattr(net, "stem"):
        text += f" The net's model.stem is {net.stem}: the file may be of a net with another."
    if text:
        log.warning(
            "%s: %d of the net's %d tensors are loaded.%s", file.given, len(fitting), len(expected), text
        )
    else:
        log.info("%s: loaded, %s.", file.given, counted(len(fitting), "tensor"))
    if of_head:
        log.warning("%s: %s", file.given, of_head)


def _find(net: nn.Module, tensors: State, expected: State) -> tuple[dict[str, Tensor], list[str]]:
    """The file's tensors by the net's names, and the names of those beside them that the net has not."""
    if not isinstance(net, TransferClassifier):
        layouts = [{key: key for key in expected}, *_inner_names(expected)]
        prefix, names = _names_of(tensors, layouts, expected)
        return _renamed(_behind(tensors, prefix), names)
    library = {key.removeprefix("backbone."): key for key in expected if key.startswith("backbone.")}
    heads = {f"{name}.{kind}": f"head.{kind}" for name in net.library().heads for kind in ("weight", "bias")}
    ours = {key: key for key in expected}
    prefix, names = _names_of(tensors, [{**library, **heads}, ours], expected)
    given = _behind(tensors, prefix)
    if names is ours:
        heads = {"head.weight": "head.weight", "head.bias": "head.bias"}
        outside = [key for key in given if key not in heads and not key.startswith("backbone.")]
        backbone = _behind(given, "backbone.")
    else:
        outside, backbone = [], {key: value for key, value in given.items() if key not in heads}
    found, unused = _renamed(net.adapted(backbone), library)
    if len(heads) == 2:  # of two heads, whose scores are averaged, a new one is made
        found |= {own: given[key] for key, own in heads.items() if key in given}
    return found, [*unused, *outside]


def _names_of(
    tensors: State, layouts: Sequence[Mapping[str, str]], expected: State
) -> tuple[str, Mapping[str, str]]:
    """The prefix of a file's names, and the layout of names behind it, that most tensors fit.

    A layout: the net's names by those that a file may have. Where nothing fits, the first one.
    """
    best = ((0, 0), _container(tensors), layouts[0])
    alike: list[str] = []
    for names in layouts:
        hits, fits = Counter[str](), Counter[str]()
        for key, value in tensors.items():
            for start in _starts(key):
                if own := names.get(key[start:]):
                    hits[key[:start]] += 1
                    fits[key[:start]] += value.shape == expected[own].shape
        for prefix, count in hits.items():
            if (rank := (fits[prefix], count)) > best[0]:
                best, alike = (rank, prefix, names), []
            elif rank == best[0] and prefix != best[1] and names is best[2]:
                alike.append(prefix)
    if alike and best[0][0] > 1:
        log.warning(
            "The file holds several nets that fit as well as each other: %s is taken, not %s. To take "
            "another, save it alone.",
            best[1].rstrip(".") or "that without a prefix",
            _few([prefix.rstrip(".") or "that without a prefix" for prefix in alike]),
        )
    return best[1:]


def _starts(key: str) -> list[int]:
    """Where a name may begin behind a prefix, which has no parts, one, two, …"""
    return [0, *(index + 1 for index, sign in enumerate(key) if sign == ".")]


def _container(tensors: State) -> str:
    """What all names begin with, as of a file that holds its tensors in a mapping in it."""
    first = {key.partition(".")[0] for key in tensors}
    return f"{first.pop()}." if len(first) == 1 and all("." in key for key in tensors) else ""


def _inner_names(expected: State) -> list[dict[str, str]]:
    """Layouts of files of a part of the net that has most of its tensors, such as its encoder."""
    prefixes = Counter(key[:start] for key in expected for start in _starts(key)[1:])
    return [
        {key.removeprefix(prefix): key for key in expected if key.startswith(prefix)}
        for prefix, count in prefixes.items()
        if 2 * count >= len(expected)
    ]


def _behind(tensors: State, prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def _renamed(given: State, names: Mapping[str, str]) -> tuple[dict[str, Tensor], list[str]]:
    found = {names[key]: value for key, value in given.items() if key in names}
    return found, [key for key in given if key not in names]


def _head_keys(net: nn.Module, num_classes: int) -> list[str]:
    """Names of the weight and bias of the last layer that gives a score a class; none where there is none."""
    for name, layer in reversed(list(net.named_modules())):
        if not isinstance(layer, nn.Linear | nn.Conv2d):
            continue
        out = layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels
        if out == num_classes or (name == "head" and not num_classes):
            return [f"{name}.weight", f"{name}.bias"]
    return []


def _fit_head(
    found: Mapping[str, Tensor],
    head: Sequence[str],
    expected: State,
    file: StateFile,
    classes: Sequence[str],
) -> tuple[dict[str, Tensor], str]:
    """What was found, with a head for these classes; and what became of that of the file, if not all of it is
    kept.
    """
    rest = {key: value for key, value in found.items() if key not in head}
    if not head:
        return rest, ""
    new, count = {key: expected[key] for key in head}, len(expected[head[0]])
    if not all(key in found and found[key].ndim for key in head):
        return rest, f"it has no head that fits; the new head for {count} classes starts at random."
    own = {key: found[key].flatten(1) if found[key].ndim == 4 > new[key].ndim else found[key] for key in head}
    before = len(own[head[0]])
    names = file.spec.classes if file.spec and len(file.spec.classes) == before else ()
    fits = all(own[key].shape[1:] == new[key].shape[1:] and len(own[key]) == before for key in head)
    if fits and count == before and (not names or not classes or tuple(classes) == tuple(names)):
        return {**rest, **own}, ""
    kept = [name for name in classes if name in names] if fits else []
    if not kept:
        return rest, (
            f"its head for {before} classes was dropped; the new head for {count} starts at random."
        )
    rows = torch.tensor([names.index(name) for name in kept])
    places = torch.tensor([list(classes).index(name) for name in kept])
    mixed = {key: new[key].clone().index_copy_(0, places, own[key][rows].to(new[key])) for key in head}
    text = f"of its head for {before} classes the rows of {_few(kept)} are kept"
    if random := [name for name in classes if name not in names]:
        text += f"; {'that' if len(random) == 1 else 'those'} of {_few(random)} "
        text += f"start{'s' if len(random) == 1 else ''} at random"
    return {**rest, **mixed}, f"{text}."


def _nothing_fits(net: nn.Module, file: StateFile, expected: State) -> UserError:
    names = [_told(net, key) for key in expected]
    return UserError(
        f"{file.given}: nothing in this file fits {_name(net)}. It has: {_few(list(file.tensors))}. The net "
        f"has: {_few(names)}. Give the model that the file was made for, by its model.arch, "
        "model.stem and what else sets its layers."
    )


def _name(net: nn.Module) -> str:
    if isinstance(net, TransferClassifier):
        library = net.library()
        return str(library.arguments.get("model_name", library.builder.rpartition(".")[2]))
    return type(net).__name__


def _told(net: nn.Module, key: str) -> str:
    """A name as it stands in the library of the net, where it is of one."""
    return key.removeprefix("backbone.") if isinstance(net, TransferClassifier) else key


def _size(tensor: Tensor) -> str:
    return " × ".join(map(str, tensor.shape)) or "a number"


def _listed(title: str, names: Sequence[str]) -> str:
    return f" {title}: {_few(names)}." if names else ""


def _few(names: Sequence[str]) -> str:
    more = len(names) - MAX_LISTED
    return ", ".join(names[:MAX_LISTED]) + (f" and {more} more" if more > 0 else "")
