"""The command line, checked as a whole before anything heavy is imported.

Every problem of one line is found and reported together: unknown groups, choices and keys (also those
added with ``+``), wrong types, missing values; each with the nearest valid name.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError, OmegaConfBaseException
from yaml import YAMLError

from pellucid.config.check import SPECIAL, check_targets, is_typed, targets
from pellucid.config.command import KEPT_PATHS, TRAINING_PATHS, TRAINING_TEXTS, Command
from pellucid.config.compose import compose, container
from pellucid.config.moot import moot_problems
from pellucid.config.signature import read_signature
from pellucid.config.space import option_problems, read_space, space_problems
from pellucid.config.trainer import trainer_problems
from pellucid.config.variants import plain, values, variants
from pellucid.errors import UserError, did_you_mean, first_line

COMPOSING = (HydraException, OmegaConfBaseException, ValueError)  # what Hydra raises for a user's mistake
NAMED_ROOMS = {"callbacks", "logger", "explainer"}  # mappings of things by their names
OPEN_ROOMS = {"callbacks", "logger"}  # mappings of things that a user may add to by any name
SHOW_ONLY = {
    "--help",
    "-h",
    "--hydra-help",
    "--version",
    "--info",
    "-i",
    "--shell-completion",
    "-sc",
}
FLAGS = {
    *(*SHOW_ONLY, "--cfg", "-c", "--resolve", "--package", "-p"),
    *("--multirun", "-m", "--run", "-r", "--config-dir", "-cd"),
}
ONLY_SHOWING = {"--resolve", "--package", "-p"}
OF_SWEEPS = ("sweep", "hydra.sweep", "hydra.sweeper", "hydra.launcher", "hydra/sweeper", "hydra/launcher")


@dataclass(frozen=True)
class CommandLine:
    """A command line taken apart: Hydra's own options, overrides with paths quoted."""

    options: list[str]
    overrides: list[str]
    multirun: bool
    show_only: bool
    config_dir: str | None

    @property
    def argv(self) -> list[str]:
        return [*self.options, *self.overrides]

    def value(self, key: str) -> Any:
        """The last value given to ``key`` on the line; None where it was not."""
        found = [o.value() for o in self.parsed() if o.key_or_group == key]
        return found[-1] if found else None

    def with_config_dir(self, folder: Path) -> CommandLine:
        """The line with ``--config-dir`` naming another folder, where it names one."""
        if self.config_dir is None:
            return self
        options = [
            text.removesuffix(self.config_dir) + str(folder)
            if text == self.config_dir or text.endswith(f"={self.config_dir}")
            else text
            for text in self.options
        ]
        return dataclasses.replace(self, options=options, config_dir=str(folder))

    def parsed(self) -> list[Override]:
        """The overrides, parsed. Raises Hydra's error for one that cannot be."""
        return OverridesParser.create().parse_overrides(self.overrides)


def split(argv: list[str], command: Command | None = None) -> CommandLine:
    """Take ``argv`` (without the program's name) apart; None: of a training."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for flags in (["--config-dir", "-cd"], ["--config-name", "-cn"], ["--config-path", "-cp"]):
        parser.add_argument(*flags)
    for flags in (["--package", "-p"], ["--cfg", "-c"], ["--experimental-rerun"]):
        parser.add_argument(*flags)
    parser.add_argument("--multirun", "-m", action="store_true")
    known, rest = parser.parse_known_args(argv)
    overrides = [item for item in rest if not item.startswith("-")]
    texts = set(overrides)
    return CommandLine(
        options=[item for item in argv if item not in texts],
        overrides=[quote_path(item, command, multirun=known.multirun) for item in overrides],
        multirun=known.multirun,
        show_only=not SHOW_ONLY.isdisjoint(rest) or known.cfg is not None,
        config_dir=known.config_dir,
    )


def quote_path(override: str, command: Command | None = None, *, multirun: bool = False) -> str:
    """``run=a b=1`` as ``run='a b=1'``; other overrides, and values already quoted, as they are."""
    key, _, value = override.partition("=")
    a_path = key.lstrip("+") in (command.paths if command else TRAINING_PATHS)
    a_text = key in (command.texts if command else TRAINING_TEXTS)
    if command and key in command.lists and value.startswith("["):
        if not (a_path and value.endswith("]")):
            return override
        quoted = (quote_path(f"{key}={path}", command) for path in _paths(value[1:-1]))
        return f"{key}=[{','.join(text.removeprefix(f'{key}=') for text in quoted)}]"
    if not (a_path or a_text) or value in ("", "null", "none", "default"):
        return override
    if value[0] in "'\"" or "${" in value or (multirun and "," in value):
        return override
    value = str(Path(value).expanduser()) if a_path else value
    if key.lstrip("+") in KEPT_PATHS:
        value = str(Path(value).absolute())
    if re.fullmatch(r"[\w./-]*/[\w./-]*", value, re.ASCII):  # Hydra, too, takes it for a text
        return f"{key}={value}"
    escaped = value.replace("'", "\\'")
    return f"{key}='{escaped}'"


def _paths(text: str) -> list[str]:
    """The paths of a list, which may hold commas: where it is of two that exist, these."""
    parts = text.split(",")
    for place in range(1, len(parts)):
        pair = [",".join(some).strip() for some in (parts[:place], parts[place:])]
        if all(Path(path).expanduser().exists() for path in pair):
            return pair
    return [part.strip() for part in parts]


def check(line: CommandLine, *, conf: Path, name: str) -> None:
    """Raise one UserError that lists every problem of the command line."""
    check_readable(line)
    problems = _Checker(line, conf, name).problems()
    if problems:
        raise UserError("\n".join(dict.fromkeys(problems)))


def check_readable(line: CommandLine) -> None:
    """Raise one UserError that lists every override that is no ``key=value`` at all."""
    problems = list(_flag_problems(line))
    for text in line.overrides:
        if text.endswith("="):
            problems.append(f"{text}: nothing is given. Leave it out, or give it a value.")
        try:
            OverridesParser.create().parse_override(text)
        except HydraException as error:
            evaluated = re.search(r"while evaluating '.*': (.*)", first_line(error))
            reason = evaluated[1] if evaluated else "expected group=choice or group.key=value"
            problems.append(f"{text}: cannot be read; {reason}.")
    if problems:
        raise UserError("\n".join(problems))


def _flag_problems(line: CommandLine) -> Iterator[str]:
    """Hydra's own options that would be without effect here, or lead past these checks."""
    flags = {text.split("=")[0] for text in line.options if text.startswith("-")}
    for flag in sorted(flags - FLAGS):
        hint = did_you_mean(flag, sorted(FLAGS))
        yield f"{flag}: there is no such option here.{hint} Options are written group.key=value."
    if flags & ONLY_SHOWING and not line.show_only:
        yield f"{', '.join(sorted(flags & ONLY_SHOWING))}: for --cfg alone, which shows the configuration."


def compose_line(line: CommandLine, conf: Path, name: str = "train") -> DictConfig:
    """The configuration of a right line, with Hydra's own part; of a sweep, its first run's.

    Raises UserError for any other, of which ``check`` tells more.
    """
    checker = _Checker(line, conf, name)
    if line.config_dir and not Path(line.config_dir).is_dir():  # of which Hydra warns alone
        raise UserError(f"--config-dir={line.config_dir}: there is no such folder.")
    try:
        return checker.compose(
            [
                plain(override, values(override, checker.groups)[0], force=not checker.is_group(override))
                for override in line.parsed()
            ]
        )
    except (*COMPOSING, IndexError, YAMLError) as error:
        raise UserError(first_line(error)) from error


def options(config: DictConfig) -> dict[str, Any]:
    """A composed configuration without Hydra's part and without the name of a command's function."""
    return {key: value for key, value in container(config).items() if key != "_target_"}


def with_params(line: CommandLine, conf: Path) -> CommandLine:
    """The line with the space that a YAML file gives in ``hydra.sweeper.params``; the line's own counts."""
    checker = _Checker(line, conf, "train")
    groups = [plain(o, values(o, checker.groups)[0]) for o in line.parsed() if checker.is_group(o)]
    try:
        params = checker.compose(groups).hydra.sweeper.params or {}
    except (*COMPOSING, IndexError):  # the check will tell
        return line
    given = {override.key_or_group for override in line.parsed()}
    added = [f"{key}={text}" for key, text in params.items() if key.lstrip("+") not in given]
    return dataclasses.replace(line, overrides=[*added, *line.overrides])


def config_groups(line: CommandLine, conf: Path) -> dict[str, list[str]]:
    """The choices of each group of the configuration files."""
    return _groups([conf, *([Path(line.config_dir)] if line.config_dir else [])])


class _Checker:
    def __init__(self, line: CommandLine, conf: Path, name: str) -> None:
        self.line, self.conf, self.name, self.trains = line, conf, name, name == "train"
        self.known: dict[str, Any] = {}
        self.command = Command(conf, name)
        chosen = self.command.choices
        self.optional = {group for group, choice in chosen.items() if choice is None}
        groups = config_groups(line, conf)
        self.groups = {room: names for room, names in groups.items() if room in chosen}
        self.others = groups.keys() - chosen  # of other commands

    def problems(self) -> list[str]:
        found: list[str] = []
        good = []
        for override in self.line.parsed():
            bad = list(self._choice_problems(override))
            found += bad
            if not bad:
                good.append(override)
        try:
            base = self.compose([plain(o, values(o, self.groups)[0]) for o in good if self.is_group(o)])
        except COMPOSING as error:
            return [*found, first_line(error)]
        self.known = options(self.compose([]))
        good = [o for o in good if not self._is_dead(o, base, found)]
        for variant in variants(good, self.groups):
            found += self._variant_problems(base, variant)
        if self.line.multirun and self.trains:
            found += self._sweep_problems(base, valid=not found)
        return found

    def _sweep_problems(self, base: DictConfig, *, valid: bool) -> Iterator[str]:
        space = read_space(self.line.parsed(), self.groups)
        yield from space_problems(space, sampled=base.sweep.sampler is not None)
        if valid:
            yield from option_problems(container(compose_line(self.line, self.conf))["sweep"], space)

    def is_group(self, override: Override) -> bool:
        key = override.key_or_group
        return key in self.groups or "/" in key or override.package is not None

    def _is_dead(self, override: Override, base: DictConfig, found: list[str]) -> bool:
        """Whether Hydra would not even compose with it; the reason goes to ``found``."""
        key = override.key_or_group
        if self.is_group(override) or not _missing(base, key):
            return False
        if override.is_delete():
            found.append(f"~{key}: there is no such option.{did_you_mean(key, _keys(container(base)))}")
        elif key.startswith("hydra.") and not (override.is_add() or override.is_force_add()):
            found.append(f"{key}: Hydra has no such option. See --hydra-help.")
        else:
            return False
        return True

    def _choice_problems(self, override: Override) -> Iterator[str]:
        key, text = override.key_or_group, str(override.input_line)
        if override.is_sweep_override() and not self.line.multirun:
            trials = f"several values need -m: python train.py -m {text}"
            a_list = f"several values are a list, in brackets: {text.replace('=', '=[', 1)}]"
            yield f"{text}: {trials if self.trains else a_list}"
        if key == "_target_":
            yield f"{text}: there is no such option."
            return
        yield from self._sweep_only(key, text)
        if getattr(override._value, "shuffle", False):
            yield f"{text}: trials go in the order of the line. Leave shuffle out."
        if odd := sorted(getattr(override._value, "tags", set()) - {"log"}):
            yield f"{text}: expected the tag log, got {', '.join(odd)}."
        several = values(override, self.groups)
        if not several:
            yield f"{text}: it stands for no value at all."
            return
        if override.is_delete() and "." not in key:
            yield f"{text}: the configuration needs it; write {key}=none or another choice."
            return
        if key not in self.groups:
            if key in self.others:
                yield f"{text}: {self.name} has no such option."
            elif "." not in key and "/" not in key and isinstance(several[0], str):
                group = did_you_mean(key, self.groups)
                if group and key not in self.command.values:
                    yield f"{text}: there is no group or option '{key}'.{group}"
            return
        for value in several:
            for choice in value if isinstance(value, list) else [value]:
                if choice is None and key in self.optional:
                    yield f"{key}=null: so it is without being written; leave it out."
                elif choice not in self.groups[key]:
                    names = ", ".join(self.groups[key])
                    hint = did_you_mean(str(choice), self.groups[key])
                    yield f"{key}={choice}: there is no such {key}.{hint} Choices: {names}."

    def _sweep_only(self, key: str, text: str) -> Iterator[str]:
        """Of what is a sweep's without -m, and the other way round."""
        if key == "hydra.mode":
            yield f"{text}: a sweep is begun by -m."
        elif self.name != "train":
            return
        elif self.line.multirun and key == "hydra.run.dir":
            yield f"{text}: of a single run. Of a sweep: sweep.name=<name> or hydra.sweep.dir=<folder>."
        elif not self.line.multirun and any(key == of or key.startswith(f"{of}.") for of in OF_SWEEPS):
            yield f"{text}: of a sweep, which -m begins: python train.py -m {text} …"

    def compose(self, overrides: list[str]) -> DictConfig:
        added = Path(self.line.config_dir) if self.line.config_dir else None
        return compose(self.conf, self.name, overrides, added=added)

    def _variant_problems(self, base: DictConfig, variant: list[tuple[Override, Any]]) -> Iterator[str]:
        """Problems of one combination of values."""
        try:
            composed = self.compose([plain(o, value, force=not self.is_group(o)) for o, value in variant])
            config = options(composed)
            _resolve_hydras(composed, [override.key_or_group for override, _ in variant])
        except InterpolationResolutionError as error:
            yield f"{error.full_key}: {first_line(error)}.{did_you_mean(_referred(error), _keys(self.known))}"
            return
        except COMPOSING as error:
            yield first_line(error)
            return
        if unnamed := list(_room_problems(config)):
            yield from unnamed
            return
        yield from trainer_problems(config.get("trainer") or {})
        wrong = {
            key: problem for key, problem in check_targets(config).items() if not _is_reference(composed, key)
        }
        yield from wrong.values()
        moot = moot_problems if self.trains else self.command.moot_problems
        yield from moot(config, [override.key_or_group for override, _ in variant])
        for override, value in variant:
            key = override.key_or_group
            if self.is_group(override) or key in wrong or key.startswith("hydra."):
                continue
            problems = list(_key_problems(override, value, base, config))
            yield from problems
            if not problems and (problem := self.command.value_problem(key, value)):
                yield problem
        yield from _required(config, {override.key_or_group for override in self.line.parsed()})
        told = {override.key_or_group.split(".")[0] for override, _ in variant}
        for key, value in config.items():  # what a YAML of the user's brought in
            if key in told:
                continue
            if key not in self.known:
                yield f"{key}: there is no such option.{did_you_mean(key, self.known)}"
            elif expected := kind_problem(value, self.known[key]):
                yield f"{key}: expected {expected}, got {value!r}."


def _key_problems(override: Override, value: Any, base: DictConfig, config: dict[str, Any]) -> Iterator[str]:
    key, parent = override.key_or_group, override.key_or_group.rpartition(".")[0]
    new = _missing(base, key)
    owner = dict(targets(config)).get(parent)
    if new and owner is not None:  # its class takes it, or the check of targets had refused it
        signature = read_signature(str(owner["_target_"]))
        if key.rpartition(".")[2] in SPECIAL:
            if not override.is_add() and not override.is_force_add():
                yield f"{key}: not in the configuration; add it by +{override.input_line}"
        elif signature is not None and not override.is_add() and not override.is_force_add():
            yield f"{key}: known, but not in the configuration; write +{override.input_line}"
    elif new and not _in_open_room(key, config):
        yield f"{key}: there is no such option.{did_you_mean(key, _keys(container(base)))}"
    elif not new and override.is_add():
        yield f"+{key}: it is there already; write {str(override.input_line).lstrip('+')}"
    elif owner is not None and _is_typed(owner, key):  # told by the check of targets
        return
    elif not new and not override.is_delete():
        default = OmegaConf.to_container(base, resolve=False)
        for part in key.split("."):
            default = default[part]  # type: ignore[index,call-overload]
        expected = kind_problem(value, default)
        if expected is None and owner is None and isinstance(default, str):
            expected = "a value" if value is None else "a text" if isinstance(value, dict) else None
        if expected:
            yield f"{key}: expected {expected}, got {'null' if value is None else repr(value)}."


def _referred(error: InterpolationResolutionError) -> str:
    """The key that is not there."""
    named = re.search("'(.*)'", first_line(error))
    return named[1] if named else ""


def _resolve_hydras(config: DictConfig, keys: list[str]) -> None:
    """Raise OmegaConf's error where what these keys say to Hydra refers to what is not there."""
    before = HydraConfig.instance().cfg
    HydraConfig.instance().cfg = config  # type: ignore[assignment]
    try:
        for key in keys:
            if key.startswith("hydra."):
                OmegaConf.select(config, key)
    finally:
        HydraConfig.instance().cfg = before


def _is_typed(owner: Mapping[str, Any], key: str) -> bool:
    signature = read_signature(str(owner["_target_"]))
    return signature is not None and is_typed(signature.annotations.get(key.rpartition(".")[2]))


def kind_problem(value: Any, default: Any) -> str | None:
    """What was expected where ``value`` is of another kind than the YAML's number or truth value."""
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


def _in_open_room(key: str, config: dict[str, Any]) -> bool:
    room, *rest = key.split(".")
    if room not in OPEN_ROOMS or not rest:
        return False
    added = config.get(room, {}).get(rest[0])
    return isinstance(added, Mapping) and "_target_" in added


def _room_problems(config: dict[str, Any]) -> Iterator[str]:
    """What is no class under a name, as one's own YAML may put it there."""
    for room in NAMED_ROOMS & config.keys():
        nodes = config[room] or {}
        if isinstance(nodes, Mapping) and "_target_" in nodes:
            yield (
                f"{room}: {nodes['_target_']} stands in its file without a name. Expected a name on the "
                "first line, as 'mine:', and _target_ and its options below it, indented."
            )
        elif isinstance(nodes, Mapping):
            for name, node in nodes.items():
                if not isinstance(node, Mapping) or "_target_" not in node:
                    yield f"{room}.{name}: expected a _target_ and its options, got {node!r:.60}."


def _required(config: dict[str, Any], given: Collection[str]) -> Iterator[str]:
    """What must be given and is not; what was ``given``, if wrongly, has been told."""
    for key, value in config.items():
        if value == "???" and key not in given:
            yield f"{key}: it must be given: {key}=…"
        elif isinstance(value, Mapping) and value.get("_target_") == "???" and f"{key}._target_" not in given:
            yield f"{key}._target_: it must be given: packages=[mypkg] {key}._target_=mypkg.MyClass"


def _missing(config: DictConfig, key: str) -> bool:
    node: Any = config
    for part in key.split("."):
        if not isinstance(node, DictConfig) or part not in node.keys():  # noqa: SIM118
            return True
        node = node._get_node(part)
        if isinstance(node, DictConfig) and node._is_none():
            return part != key.split(".")[-1]
    return False


def _is_reference(config: DictConfig, key: str) -> bool:
    """Whether the value is another key's, ``${…}``: that one is told of."""
    parent, _, name = key.rpartition(".")
    node = OmegaConf.select(config, parent)
    return isinstance(node, DictConfig) and name in node and OmegaConf.is_interpolation(node, name)


def _keys(config: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in config.items():
        yield f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _keys(value, f"{prefix}{key}.")


def _groups(folders: list[Path]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for folder in folders:
        for path in sorted(folder.glob("*/*.yaml")):
            groups.setdefault(path.parent.name, []).append(path.stem)
    return groups
