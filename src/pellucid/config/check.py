"""Checks of a composed configuration: unknown keys, with the nearest valid name, wrong types and numbers."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator, Mapping
from typing import Any

from pellucid.config.signature import Signature, read_signature
from pellucid.errors import did_you_mean
from pellucid.system.ranges import RANGES, range_problem

CERTAIN = 0.8  # a name as near is meant, whatever else there is
SPECIAL = {"_target_", "_partial_"}
OWN_DATA = "pellucid.data.own.Own"
NULLABLE = ("share",)  # options of trainings: a number, or null
# The packages of our loggers, by their modules, which are their extras as well.
LOGGERS = {"wandb": "wandb", "mlflow": "mlflow", "comet": "comet_ml", "trackio": "trackio"}
OPTIMIZERS = {"timm": "timm", "schedulefree": "schedulefree"}  # packages of optimizers, and their extras
RATE = "optimizer.lr"  # whose texts are told by ``optimization``: auto is one
OWN_OPTIONS = ("data", "scheduler", "task")  # groups whose options a user's class names for itself
# Options of ours beside those of a library's class, which is made without them.
BESIDE = {
    "optimizer": {"groups": "Mapping"},
    "scheduler": {"interval": "Literal['step', 'epoch']"},
}
# What a plain annotation accepts, and how an error names it. An int is a float, a bool is not an int.
ACCEPTS: dict[str, tuple[tuple[type, ...], str]] = {
    "int": ((int,), "a whole number"),
    "float": ((int, float), "a number"),
    "bool": ((bool,), "true or false"),
    "str": ((str,), "a text"),
    "PathText": ((str,), "a path"),
    "NameText": ((str,), "a text"),
    "None": ((type(None),), "null"),
    "list": ((list,), "a list"),
    "tuple": ((list,), "a list"),
    "Sequence": ((list,), "a list"),
    "dict": ((dict,), "a mapping"),
    "Mapping": ((dict,), "a mapping"),
    "timedelta": ((), "a time such as 00:12:00:00 (days:hours:minutes:seconds)"),  # no YAML has one
}


OF_DATA = {"in_chans": "The data's images set it", "img_size": "data.image_size sets it"}  # timm's names


def targets(config: Any, prefix: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every mapping with a ``_target_`` in ``config``, also in lists, with its dotted key."""
    if isinstance(config, Mapping) and "_target_" in config:
        yield prefix.rstrip("."), config
    items = config.items() if isinstance(config, Mapping) else enumerate(config)
    for key, value in items:
        if isinstance(value, Mapping | list):
            yield from targets(value, f"{prefix}{key}.")


def check_targets(config: Mapping[str, Any]) -> dict[str, str]:
    """Problems of every ``_target_`` node against its class's signature, by dotted key."""
    problems = {}
    for where, node in targets(config):
        if missing := _missing_package(where, str(node["_target_"])):
            problems[where] = missing
        signature = signature_of(where, node)
        if signature is None:  # not readable as text: building it will tell
            continue
        unknown = [
            key for key in node if not (key in SPECIAL or key in signature.annotations or signature.open)
        ]
        if where == "model" and len(unknown) > 1 and not str(node["_target_"]).startswith("pellucid."):
            problems[where] = (  # those are of the model that was chosen, most likely by default
                f"model._target_={node['_target_']}: it has no options {', '.join(unknown)}, which are of "
                f"another model. A net of your own is chosen by model=own model._target_={node['_target_']}"
            )
            continue
        for key, value in node.items():
            if key in SPECIAL:
                continue
            name = f"{where}.{key}"
            if key in signature.annotations:
                problem = type_problem(value, signature.annotations[key])
                if problem and not (name == RATE and isinstance(value, str)):
                    problems[name] = f"{name}: expected {problem}, got {value!r}."
            elif not signature.open:
                problems[name] = unknown_key(
                    where, key, node, signature, others={w: n for w, n in targets(config) if w != where}
                )
    return problems


def _missing_package(where: str, target: str) -> str:
    """The package that a logger of ours or an optimizer lacks, in a sentence; the empty text where none."""
    extra = OPTIMIZERS.get(target.partition(".")[0]) if where == "optimizer" else None
    if extra is not None and importlib.util.find_spec(extra) is None:
        return (
            f"optimizer: {target} needs the package {extra}, which is not installed. Install it by "
            f"pip install 'pellucid[{extra}]', or take another optimizer."
        )
    extra = target.removeprefix("pellucid.logger.").partition(".")[0]
    package = LOGGERS.get(extra) if target.startswith("pellucid.logger.") else None
    if package is None or importlib.util.find_spec(package) is not None:
        return ""
    return (
        f"{where} needs the package {package}, which is not installed. Install it by "
        f"pip install 'pellucid[{extra}]', or leave that logger out."
    )


def signature_of(where: str, node: Mapping[str, Any]) -> Signature | None:
    """What the class or function of the node at that key takes; None where its source text does not tell."""
    signature = read_signature(str(node["_target_"]))
    if signature and where == "data" and not str(node["_target_"]).startswith("pellucid."):
        return with_options_of_own(signature)
    if signature and where in BESIDE:
        beside = {name: ast.parse(text, mode="eval").body for name, text in BESIDE[where].items()}
        return Signature({**signature.annotations, **beside}, signature.open)
    return signature


def with_options_of_own(signature: Signature) -> Signature:
    """What a user's own data set takes, with the options of ours around it."""
    ours = read_signature(OWN_DATA)
    assert ours is not None
    options = {name: annotation for name, annotation in ours.annotations.items() if name != "make"}
    return Signature({**signature.annotations, **options}, signature.open)


def range_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Of numbers that options may not be, each in a sentence."""
    for option in RANGES:
        group, *names = option.split(".")
        value: Any = config.get(group)
        target = str(value.get("_target_", "")) if isinstance(value, Mapping) else ""
        if group in OWN_OPTIONS and not target.startswith("pellucid."):
            continue
        for name in names:
            value = value.get(name) if isinstance(value, Mapping) else None
        if problem := range_problem(option, value):
            yield problem


def unknown_key(
    where: str,
    key: str,
    node: Mapping[str, Any],
    signature: Signature,
    *,
    others: Mapping[str, Mapping[str, Any]],
) -> str:
    """The message for a key that the node's class does not take; ``others``: the nodes that may be meant."""
    short = str(node["_target_"]).rpartition(".")[2]
    hint = (
        did_you_mean(key, signature.annotations, cutoff=CERTAIN)
        or _of_another(key, others)
        or did_you_mean(key, signature.annotations)
    )
    if (where, key) == ("model", "weights"):
        hint = " Any net starts from a run or a file by weights=<path>."
    elif where == "model" and key in OF_DATA:
        hint = f" {OF_DATA[key]}; leave it out."
    elif where == "model" and "options" in signature.annotations:
        hint += f" One of the library's builder is added by +model.options.{key}={node[key]}"
    return f"{where}.{key}: {short} has no option '{key}'.{hint}"


def _of_another(key: str, nodes: Mapping[str, Mapping[str, Any]]) -> str:
    """The option of that name where another config group has it, ``task.class_weights``."""
    for where, node in nodes.items():
        signature = None if "." in where else signature_of(where, node)
        if signature and (key in node or key in signature.annotations):
            return f" Did you mean '{where}.{key}'?"
    return ""


def type_problem(value: Any, annotation: ast.expr | None) -> str | None:
    """The expected type, in words, where ``value`` does not fit; None where it fits or anything does."""
    if isinstance(value, str) and value == "???":
        return "a value: it must be given"
    if isinstance(value, Mapping) and "_target_" in value:
        return None
    options = _options(annotation)
    if options is None:
        return None
    if any(_fits(value, option) for option in options):
        return None
    texts = dict.fromkeys(_describe(option) for option in options)
    return " or ".join(sorted(texts, key=lambda text: text.startswith("a list")))  # whose items come last


def is_typed(annotation: ast.expr | None) -> bool:
    """Whether ``type_problem`` can tell what fits."""
    return _options(annotation) is not None


def kind_problem(key: str, value: Any, default: Any) -> str | None:
    """The expected type, in words, where ``value`` is of another than the YAML's number or truth value."""
    if (value is None and key in NULLABLE) or (key == RATE and isinstance(value, str)):
        return None
    if isinstance(value, str) and "${" in value:
        return None
    if isinstance(default, bool):
        return None if isinstance(value, bool) else "true or false"
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(default, int):
        return None if number and isinstance(value, int) else "a whole number"
    if isinstance(default, float):
        return None if number else "a number"
    if isinstance(default, Mapping):
        return None if isinstance(value, dict) else "a mapping"
    if isinstance(default, list):
        return None if isinstance(value, list) else "a list, [a,b]"
    return None


def _options(annotation: ast.expr | None) -> list[ast.expr] | None:
    """The alternatives of a union, flat; None where the annotation says nothing we can check."""
    if annotation is None:
        return None
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return _options(ast.parse(annotation.value, mode="eval").body)
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
        return _join(annotation.left, annotation.right)
    if isinstance(annotation, ast.Subscript):
        name = _name(annotation.value)
        if name == "Annotated" and isinstance(annotation.slice, ast.Tuple):
            return _options(annotation.slice.elts[0])
        if name == "Optional":
            return _join(annotation.slice, ast.Constant(None))
        if name == "Union" and isinstance(annotation.slice, ast.Tuple):
            return _join(*annotation.slice.elts)
        if name == "Literal" or name in ACCEPTS:
            return [annotation]
        return None
    if isinstance(annotation, ast.Constant) and annotation.value is None:
        return [annotation]
    return [annotation] if _name(annotation) in ACCEPTS else None


def _join(*parts: ast.expr) -> list[ast.expr] | None:
    alternatives = [_options(part) for part in parts]
    if any(options is None for options in alternatives):
        return None
    return [option for options in alternatives for option in options or ()]


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Name):
        return node.id
    return str(node.value) if isinstance(node, ast.Constant) else ""


def _literals(option: ast.expr) -> list[Any] | None:
    if isinstance(option, ast.Subscript) and _name(option.value) == "Literal":
        return list(ast.literal_eval(ast.Tuple(elts=_elements(option.slice), ctx=ast.Load())))
    return None


def _elements(node: ast.expr) -> list[ast.expr]:
    return node.elts if isinstance(node, ast.Tuple) else [node]


def _fits(value: Any, option: ast.expr) -> bool:
    literals = _literals(option)
    if literals is not None:
        return value in literals
    base = option.value if isinstance(option, ast.Subscript) else option
    name = _name(base)
    kinds, _ = ACCEPTS[name]
    if not isinstance(value, kinds) or (isinstance(value, bool) and name in ("int", "float")):
        return False
    if isinstance(option, ast.Subscript) and isinstance(value, list):
        inner = [e for e in _elements(option.slice) if _name(e) != "Ellipsis"]
        return all(type_problem(item, inner[0]) is None for item in value)
    return True


def _describe(option: ast.expr) -> str:
    literals = _literals(option)
    if literals is not None:
        return "one of " + ", ".join(str(item) for item in literals)
    base = option.value if isinstance(option, ast.Subscript) else option
    text = ACCEPTS[_name(base)][1]
    if isinstance(option, ast.Subscript) and text == "a list":
        inner = ACCEPTS.get(_name(_elements(option.slice)[0]))
        return f"a list, each {inner[1]}" if inner else text
    return text
