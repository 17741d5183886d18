"""The text of ``--help``: a command's YAML, whose comments say what its values are.

The first comment of the file is the head, with examples indented. The comment behind a key, or behind a group
in the defaults list, explains it; it may go on below, and begin with what stands for a value, ``<folder>``. A
comment between keys is shown between the options. ``hydra:`` and what is below it is not shown.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from pellucid.config.choices import config_groups
from pellucid.config.command import Command
from pellucid.config.command_line import CommandLine
from pellucid.errors import typed

WIDTH = 108
MAX_USAGE = 24  # letters before the explanations, where the options allow
KEY = re.compile(r"(?P<name>[a-z]\w*): *(?P<value>.*?)(?: +# (?P<comment>.*))?")
CHOICE = re.compile(r"  - (?P<name>[a-z]\w*): *(?P<value>\S+)(?: +# (?P<comment>.*))?")
EXAMPLE = re.compile(r"python (?:scripts/(\w+)|train)\.py")
PLACEHOLDER = re.compile(r"((?:\.\w+=)?\[?<\S+>\]?)(?:: |$)")


@dataclass
class Option:
    """``name=value`` and what it is; a text between the options has no name."""

    name: str
    value: str
    comment: str
    choices: str = ""

    @property
    def usage(self) -> str:
        if not self.name:
            return ""
        placeholder = PLACEHOLDER.match(self.comment)
        value = placeholder[1] if placeholder else self.value.replace(", ", ",")
        if self.choices and value == "null":
            value = "<choice>"
        return (
            f"{self.name}{value}"
            if value.startswith(".") or self.name.startswith("--")
            else f"{self.name}={value}"
        )

    @property
    def explanation(self) -> str:
        required = "required" if self.value == "???" else ""
        return "; ".join(filter(None, [self.choices, PLACEHOLDER.sub("", self.comment, count=1), required]))


@dataclass
class Help:
    """What a command does, its options in their order, and examples, a line each."""

    about: str
    options: list[Option]
    examples: list[str]


def read_help(line: CommandLine, command: Command) -> Help:
    """What the command's YAML tells, with the choices of its config groups."""
    rows = command.file.read_text(encoding="utf-8").splitlines()
    head = [row[2:] for row in takewhile(lambda row: row.startswith("#"), rows)]
    about, examples = (
        [row for row in head if row.startswith("  ") is of_examples] for of_examples in (False, True)
    )
    groups = config_groups(line, command.conf)
    left_out = {group for group in groups if not command.takes(group)}
    options = [option for option in _options(rows[len(head) :], groups) if option.name not in left_out]
    options.append(Option("--json", "", "what is found, or a mistake, as one JSON object on standard output"))
    return Help("\n".join(about).strip(), options, [_as_typed(row) for row in examples])


def _as_typed(example: str) -> str:
    """An example by the command that this process's user has, which a clone's files need not have."""
    return EXAMPLE.sub(lambda found: typed(found[1] or "train"), example)


def help_text(line: CommandLine, command: Command) -> str:
    """What the command does, its options with their values and explanations, and examples."""
    told = read_help(line, command)
    column = 4 + max(len(option.usage) for option in told.options if len(option.usage) <= MAX_USAGE)
    option_lines = [text for option in told.options for text in _shown(option, column)]
    return "\n".join([told.about, "", *option_lines, "", "Examples", "", *told.examples])


def _options(rows: Iterable[str], groups: Mapping[str, Sequence[str]]) -> Iterator[Option]:
    option: Option | None = None  # to which a comment on a line of its own belongs
    for row in rows:
        if row.startswith("# ") and option and not option.name:
            option.comment += f"\n{row[2:]}"
            continue
        if row.startswith("# "):
            option = Option("", "", row[2:])
        elif match := CHOICE.fullmatch(row):
            option = Option(**match.groupdict(""), choices=", ".join(sorted(groups.get(match["name"], ()))))
        elif (match := KEY.fullmatch(row)) and match["name"] not in ("defaults", "hydra"):
            option = Option(**match.groupdict(""))
        elif option and row.lstrip().startswith("# "):
            option.comment += f" {row.lstrip()[2:]}"
            continue
        elif match:
            option = None
            continue
        else:
            continue
        yield option


def _shown(option: Option, column: int) -> Iterator[str]:
    if not option.name:
        yield from ("", option.comment, "")
        return
    first, *more = textwrap.wrap(option.explanation, WIDTH - column) or [""]
    yield f"  {option.usage:{column - 4}}  {first}".rstrip()
    yield from (" " * column + text for text in more)
