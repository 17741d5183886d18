"""Checks of single keys of a composed configuration: is it there, may it be added, is its value of that kind.

Wrong arguments of classes are told by ``check_targets``; here is the rest.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from pellucid.config.check import SPECIAL, is_typed, kind_problem, signature_of, targets, type_problem
from pellucid.config.compose import container
from pellucid.config.signature import read_signature
from pellucid.errors import did_you_mean

MAPPINGS = ("callbacks", "explainer", "logger")  # config groups that are things by their names
OPEN_MAPPINGS = ("callbacks", "logger")  # to which a user may add by any name
CLASSES = ("model", "task", "data", "optimizer", "trainer")  # config groups that are one class


def key_problems(override: Override, value: Any, base: DictConfig, config: dict[str, Any]) -> Iterator[str]:
    """Problems of an override, or of that one of its values, in the configuration that it leads to.

    ``base``: that of the line's choices alone.
    """
    key, parent = override.key_or_group, override.key_or_group.rpartition(".")[0]
    new, plain = is_missing(base, key), not (override.is_add() or override.is_force_add())
    owner = dict(targets(config)).get(parent)
    if new and owner is not None:  # its class takes it, or the check of targets had refused it
        name, signature = key.rpartition(".")[2], signature_of(parent, owner)
        if plain and name in SPECIAL:
            yield f"{key}: not in the configuration; add it by +{override.input_line}"
        elif plain and signature is not None and name not in signature.annotations:
            yield (
                f"{key}: not in the configuration, and {str(owner['_target_']).rpartition('.')[2]} does not "
                f"list all that it takes.{did_you_mean(name, signature.annotations)} If that is an option of "
                f"it: +{override.input_line}"
            )
    elif new and not (takes(config, key) or _may_be_added(key, config)):
        yield f"{key}: there is no such option.{did_you_mean(key, keys_of(container(base)))}"
    elif not new and override.is_add():
        yield f"+{key}: it is there already; write {str(override.input_line).lstrip('+')}"
    elif owner is not None and _is_typed(owner, key):  # told by the check of targets
        return
    elif not new and not override.is_delete():
        default = OmegaConf.to_container(base, resolve=False)
        for part in key.split("."):
            default = default[part]  # type: ignore[index,call-overload]
        expected = kind_problem(key, value, default)
        if expected is None and owner is None and isinstance(default, str):
            expected = "a value" if value is None else "a text" if isinstance(value, dict) else None
        if expected:
            yield f"{key}: expected {expected}, got {'null' if value is None else repr(value)}."


def _is_typed(owner: Mapping[str, Any], key: str) -> bool:
    signature = read_signature(str(owner["_target_"]))
    return signature is not None and is_typed(signature.annotations.get(key.rpartition(".")[2]))


def takes(config: Mapping[str, Any], key: str) -> bool:
    """Whether the class that a key is an option of lists it, or takes it in a mapping, as
    ``model.options.depth``.
    """
    owners = dict(targets(config))
    owner, _, name = key.rpartition(".")
    if owner in owners:
        signature = signature_of(owner, owners[owner])
        return signature is not None and name in signature.annotations
    while owner:
        owner, _, name = owner.rpartition(".")
        if owner in owners:
            signature = signature_of(owner, owners[owner])
            annotation = signature.annotations.get(name) if signature else None
            return is_typed(annotation) and type_problem({}, annotation) is None
    return False


def _may_be_added(key: str, config: dict[str, Any]) -> bool:
    """Whether it stands below a thing of the user's own in a mapping that takes any name."""
    group, *names = key.split(".")
    if group not in OPEN_MAPPINGS or not names:
        return False
    added = config.get(group, {}).get(names[0])
    return isinstance(added, Mapping) and "_target_" in added


def class_problems(config: dict[str, Any]) -> Iterator[str]:
    """Problems of a training's groups that are one class and its options: none, as one's own YAML may say."""
    for group in CLASSES:
        node = config.get(group)
        if not isinstance(node, Mapping) or "_target_" not in node:
            yield f"{group}: expected a _target_ and its options, got {node!r:.60}."


def mapping_problems(config: dict[str, Any]) -> Iterator[str]:
    """Problems of mappings by name: what is no class, as one's own YAML may put it there."""
    for group in MAPPINGS:
        nodes = config.get(group) or {}
        if isinstance(nodes, Mapping) and "_target_" in nodes:
            yield (
                f"{group}: {nodes['_target_']} stands in its file without a name. Expected a name on the "
                "first line, as 'mine:', and _target_ and its options below it, indented."
            )
        elif isinstance(nodes, Mapping):
            for name, node in nodes.items():
                if not isinstance(node, Mapping) or "_target_" not in node:
                    yield f"{group}.{name}: expected a _target_ and its options, got {node!r:.60}."


def required_problems(config: dict[str, Any], given: Collection[str]) -> Iterator[str]:
    """Missing values: what must be given and is not; what was ``given``, if wrongly, has been told."""
    for key, value in config.items():
        if value == "???" and key not in given:
            yield f"{key}: it must be given: {key}=…"
        elif isinstance(value, Mapping) and value.get("_target_") == "???" and f"{key}._target_" not in given:
            yield f"{key}._target_: it must be given: packages=[mypkg] {key}._target_=mypkg.MyClass"


def is_missing(config: DictConfig, key: str) -> bool:
    node: Any = config
    for part in key.split("."):
        if not isinstance(node, DictConfig) or part not in node.keys():  # noqa: SIM118
            return True
        node = node._get_node(part)
        if isinstance(node, DictConfig) and node._is_none():
            return part != key.split(".")[-1]
    return False


def is_reference(config: DictConfig, key: str) -> bool:
    """Whether the value is another key's, ``${…}``: that one is told of."""
    parent, _, name = key.rpartition(".")
    node = OmegaConf.select(config, parent)
    return isinstance(node, DictConfig) and name in node and OmegaConf.is_interpolation(node, name)


def keys_of(config: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in config.items():
        yield f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from keys_of(value, f"{prefix}{key}.")
