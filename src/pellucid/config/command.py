"""A command as its YAML and its function's signature tell it; the function is read as text, torch waits.

``conf/<name>.yaml`` names the function (``_target_``) and has a value, with a comment, for each argument.
What an annotation says beside the type is said by the names here.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import yaml

from pellucid.config.check import type_problem
from pellucid.config.signature import read_signature
from pellucid.errors import did_you_mean
from pellucid.system.files import YAML_LOADER

T = TypeVar("T")
PathText: TypeAlias = str  # a path, taken to the letter: it may contain =, spaces, brackets
NameText: TypeAlias = str  # a text with any sign in it; 1.10 is no number
# Options of the run's own data by name, {"root": …}; with a _target_, other data as a whole.
DataOverride: TypeAlias = Mapping[str, Any]

# Paths of trainings. Those that a run keeps are made absolute, as it may be resumed from another folder.
KEPT_PATHS = {"data.path", "data.root", "data.cache", "weights", "model.weights"}
TRAINING_PATHS = {"hydra.run.dir", "hydra.sweep.dir", "resume"} | KEPT_PATHS
TRAINING_TEXTS = {"sweep.storage", "sweep.name", "name"}


@dataclass(frozen=True)
class OnlyIf:
    """Of an argument that has an effect only where another has this value, or contains it."""

    option: str
    value: Any
    otherwise: str  # why it has none, in words

    def moot(self, config: Mapping[str, Any]) -> bool:
        value = config[self.option]
        return not (value == self.value or (isinstance(value, list) and self.value in value))


@dataclass(frozen=True)
class Unless(OnlyIf):
    """Of an argument that has no effect where another has this value."""

    def moot(self, config: Mapping[str, Any]) -> bool:
        return not super().moot(config)


@dataclass(frozen=True)
class Within:
    """Of an argument whose number is more than ``low`` and less than ``high``; a text may stand for one."""

    low: float
    high: float

    def problem(self, name: str, value: Any) -> str:
        """What was expected; the empty text where it fits."""
        if not isinstance(value, int | float) or self.low < value < self.high:
            return ""
        return f"{name}: expected more than {self.low:g} and less than {self.high:g}, got {value}."


@dataclass(frozen=True)
class Command:
    """The command ``name`` of the configuration files in ``conf``; of trainings, no arguments are known."""

    conf: Path
    name: str

    @cached_property
    def file(self) -> Path:
        return self.conf / f"{self.name}.yaml"

    @cached_property
    def values(self) -> dict[str, Any]:
        """The YAML as it stands, nothing composed or resolved."""
        return yaml.load(self.file.read_bytes(), YAML_LOADER)  # type: ignore[no-any-return]

    @property
    def target(self) -> str | None:
        """The dotted name of its function; None of trainings, whose YAML composes the config groups."""
        return self.values.get("_target_")

    @property
    def choices(self) -> dict[str, str | None]:
        """The config groups that it chooses from, each with its choice; of a command those that it takes."""
        entries = [entry for entry in self.values.get("defaults", ()) if isinstance(entry, dict)]
        groups = {key.removeprefix("optional "): choice for entry in entries for key, choice in entry.items()}
        taken = self.arguments or groups
        return {group: choice for group, choice in groups.items() if group in taken}

    def takes(self, group: str) -> bool:
        """Whether it has that config group; a command's others are what a model chooses of trainings."""
        return group in (self.arguments or self.choices)

    @cached_property
    def arguments(self) -> dict[str, ast.expr | None]:
        """The annotation of each argument of its function."""
        signature = read_signature(self.target) if self.target else None
        return signature.annotations if signature else {}

    @cached_property
    def paths(self) -> set[str]:
        return {*TRAINING_PATHS, *self._annotated("PathText")}

    @cached_property
    def texts(self) -> set[str]:
        return self._annotated("NameText") if self.target else set(TRAINING_TEXTS)

    @cached_property
    def lists(self) -> set[str]:
        """Arguments that may be several, in brackets."""
        return self._annotated("Sequence")

    def apart_from(self, groups: Collection[str]) -> set[str]:
        """Arguments that are called as a config group is, without being a choice from it."""
        return self.arguments.keys() & set(groups) - self.choices.keys()

    def value_problem(self, name: str, value: Any) -> str:
        """What was expected of that argument, with the nearest choice; the empty text where it fits."""
        annotation = self.arguments.get(name)
        expected = type_problem(value, annotation)
        if expected is None or (isinstance(value, str) and "${" in value):
            beside = _beside(annotation, {"Within": Within})
            return next(filter(None, (limits.problem(name, value) for limits in beside)), "")
        got = "null" if value is None else repr(value)
        return f"{name}: expected {expected}, got {got}.{did_you_mean(str(value), literals(annotation))}"

    def moot_problems(self, config: Mapping[str, Any], written: Collection[str]) -> Iterator[str]:
        """Of the options that were ``written``, those that others leave without effect."""
        for name in written:
            for condition in _beside(self.arguments.get(name), {"OnlyIf": OnlyIf, "Unless": Unless}):
                if condition.moot(config):
                    yield f"{name}: without effect, as {condition.otherwise}. Leave it out."

    def _annotated(self, name: str) -> set[str]:
        return {
            argument
            for argument, annotation in self.arguments.items()
            if annotation and any(getattr(node, "id", None) == name for node in ast.walk(annotation))
        }


def _beside(annotation: ast.expr | None, kinds: Mapping[str, Callable[..., T]]) -> Iterator[T]:
    """What of those kinds stands beside the type: ``Annotated[int, OnlyIf(…)]``."""
    for node in ast.walk(annotation) if annotation else ():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in kinds:
            yield kinds[node.func.id](*map(ast.literal_eval, node.args))


def literals(annotation: ast.expr | None) -> list[str]:
    """The texts of its ``Literal``."""
    return [
        node.value
        for part in (ast.walk(annotation) if annotation else ())
        if isinstance(part, ast.Subscript) and getattr(part.value, "id", None) == "Literal"
        for node in ast.walk(part.slice)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
