"""Config groups that a command chooses from, and the check of what a line chooses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override

from pellucid.config.command import Command
from pellucid.config.command_line import CommandLine
from pellucid.config.sweep_values import sweep_values
from pellucid.errors import did_you_mean, typed

NOUNS = {
    "augment": "choice of options",
    "data": "data set",
    "callbacks": "choice of callbacks",
}  # of a config group, in a sentence
OF_SWEEPS = ("sweep", "hydra.sweep", "hydra.sweeper", "hydra.launcher", "hydra/sweeper", "hydra/launcher")


def config_groups(line: CommandLine, conf: Path) -> dict[str, list[str]]:
    """Choices by config group, of the configuration files and of those that ``--config-dir`` adds."""
    groups: dict[str, dict[str, None]] = {}
    for folder in (conf, *([Path(line.config_dir)] if line.config_dir else [])):
        for path in sorted(folder.glob("*/*.yaml")):
            groups.setdefault(path.parent.name, {})[path.stem] = None
    return {group: list(names) for group, names in groups.items()}


def remarks(line: CommandLine, conf: Path) -> Iterator[str]:
    """What is to be told of the current folder's ``conf``: which files of it count in the place of ours, or
    that none do.
    """
    beside = Path("conf")
    if line.config_dir == str(beside):
        same = [path.relative_to(beside) for path in sorted(beside.glob("*/*.yaml"))]
        if names := [str(path) for path in same if (conf / path).is_file()]:
            yield f"In the place of our own: {', '.join(str(beside / name) for name in names)}."
    elif not line.config_dir and (others := sorted(beside.glob("*.yaml"))) and not beside.samefile(conf):
        yield f"{beside} is left alone: by its {others[0].name} it is another program's."


class Choices:
    """The config groups of a command. ``groups``: the choices of each."""

    def __init__(self, line: CommandLine, command: Command) -> None:
        self.line, self.command = line, command
        defaults, groups = command.choices, config_groups(line, command.conf)
        self.groups = {group: names for group, names in groups.items() if group in defaults}
        self.optional = {group for group, choice in defaults.items() if choice is None}
        self.other_groups = groups.keys() - defaults  # of other commands

    def is_of(self, override: Override) -> bool:
        """Whether an override chooses from a group."""
        key = override.key_or_group
        return key in self.groups or "/" in key or override.package is not None

    def problems(self, override: Override) -> Iterator[str]:
        """Problems of an override, whatever the configuration is that it leads to."""
        key, text = override.key_or_group, str(override.input_line)
        if override.is_sweep_override() and not self.line.multirun:
            trains = self.command.name == "train"
            trials = f"several values need -m: {typed('train')} -m {text}"
            a_list = f"several values are a list, in brackets: {text.replace('=', '=[', 1)}]"
            yield f"{text}: {trials if trains else a_list}"
        if key == "_target_":
            yield f"{text}: there is no such option."
            return
        yield from self._sweep_only(key, text)
        if getattr(override._value, "shuffle", False):
            yield f"{text}: trials go in the order of the line. Leave shuffle out."
        if odd := sorted(getattr(override._value, "tags", set()) - {"log"}):
            yield f"{text}: expected the tag log, got {', '.join(odd)}."
        values = sweep_values(override, self.groups)
        if not values:
            yield f"{text}: it stands for no value at all."
            return
        if override.is_delete() and "." not in key:
            yield f"{text}: the configuration needs it; write {key}=none or another choice."
            return
        if key not in self.groups:
            if key in self.other_groups:
                yield f"{text}: {self.command.name} has no such option."
            elif "." not in key and "/" not in key and isinstance(values[0], str):
                hint = did_you_mean(key, self.groups)
                if hint and key not in self.command.values:
                    yield f"{text}: there is no group or option '{key}'.{hint}"
            return
        for value in values:
            for choice in value if isinstance(value, list) else [value]:
                yield from self._choice_problems(key, choice)

    def _choice_problems(self, group: str, choice: Any) -> Iterator[str]:
        if choice is None and group in self.optional:
            yield f"{group}=null: so it is without being written; leave it out."
        elif choice not in self.groups[group]:
            names = ", ".join(self.groups[group])
            hint = did_you_mean(str(choice), self.groups[group])
            if group == "augment":  # its options
                hint = f" An augmentation is chosen by data.augment={choice}."
            yield f"{group}={choice}: there is no such {NOUNS.get(group, group)}.{hint} Choices: {names}."

    def _sweep_only(self, key: str, text: str) -> Iterator[str]:
        """Of what is a sweep's without -m, and the other way round."""
        if key == "hydra.mode":
            yield f"{text}: a sweep is begun by -m."
        elif self.command.name != "train":
            return
        elif self.line.multirun and key in ("hydra.run.dir", "name"):
            yield f"{text}: of a single run. Of a sweep: sweep.name=<name> or hydra.sweep.dir=<folder>."
        elif not self.line.multirun and any(key == of or key.startswith(f"{of}.") for of in OF_SWEEPS):
            yield f"{text}: of a sweep, which -m begins: {typed('train')} -m {text} …"
