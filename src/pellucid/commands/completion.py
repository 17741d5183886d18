"""Completion in a shell: what the last word of a line that begins with ``pellucid`` may become.

Nothing here imports torch: an answer takes a fraction of a second.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pellucid.commands.shell import conf_folder, first_comment, verbs
from pellucid.config.check import SPECIAL, signature_of
from pellucid.config.choices import config_groups
from pellucid.config.command import Command, literals
from pellucid.config.command_line import FLAGS, CommandLine, split
from pellucid.config.compose import options
from pellucid.config.help import read_help
from pellucid.config.line_check import compose_line
from pellucid.errors import UserError, did_you_mean
from pellucid.run.folder import begun

SHELLS = ("bash", "zsh", "fish")
OF_RUNS = ("run", "runs", "resume", "weights")  # options that take the name of a run
HOW = """\
eval "$(pellucid completion bash)"      # in ~/.bashrc
eval "$(pellucid completion zsh)"       # in ~/.zshrc, below compinit
pellucid completion fish | source       # in ~/.config/fish/config.fish

Then the tab key completes commands, options, choices, values, names of runs, and files."""

Found = Iterator[tuple[str, str]]  # words, each with what it is


def shell_script(shell: str) -> str:
    """What a shell reads to complete lines of ``pellucid``. Raises UserError for another shell."""
    if shell not in SHELLS:
        raise UserError(f"{shell}: expected {', '.join(SHELLS)}.{did_you_mean(shell, SHELLS)}")
    return Path(__file__).with_name(f"completion.{shell}").read_text(encoding="utf-8")


def completions(line: str) -> list[tuple[str, str]]:
    """What the last word of a line may become, each with what it is, or an empty text.

    ``line``: up to the cursor, the program's name with it. What ends in ``=``, ``.`` or ``/`` goes on.
    """
    _, *before, word = _words(line)
    return list({w: about for w, about in _found(before, word) if w.startswith(word)}.items())


def _words(line: str) -> list[str]:
    try:
        words = shlex.split(line)
    except ValueError:  # a quote that is not closed yet
        words = line.split()
    return words if line and not line[-1].isspace() else [*words, ""]


def _found(before: Sequence[str], word: str) -> Found:
    if not before:
        yield from {**verbs(), "completion": "Completion of such lines by the shell", "--help": ""}.items()
        return
    verb, *given = before
    if verb == "completion":
        yield from dict.fromkeys(SHELLS, "").items()
    elif verb in verbs():
        command = Command(conf_folder(), verb)
        line = split([text for text in given if "=" in text or text.startswith("-")], command)
        with suppress(UserError):
            line = line.with_user_files(command.conf)
        yield from _Options(command, line).found(word)


class _Options:
    """The options of a command, and their values, after what stands on the line before them."""

    def __init__(self, command: Command, line: CommandLine) -> None:
        self.command, self.line = command, line
        groups = config_groups(line, command.conf)
        self.groups = {name: choices for name, choices in groups.items() if command.takes(name)}

    def found(self, word: str) -> Found:
        sign = word[:1] if word[:1] in ("+", "~") else ""
        key, equals, value = word.removeprefix(sign).partition("=")
        if word.startswith("-"):
            yield from dict.fromkeys(["--json", *FLAGS], "").items()
        elif equals:
            start = re.match(r".*[\[,]|", value)[0]  # type: ignore[index]  # of several
            yield from (
                (f"{sign}{key}={start}{one}", about) for one, about in self._values(key, value[len(start) :])
            )
        else:
            yield from ((f"{sign}{name}", about) for name, about in self._keys(key))

    def _keys(self, key: str) -> Found:
        parent, _, _ = key.rpartition(".")
        if parent:
            node = self._node(parent)
            for name in dict.fromkeys([*node, *self._annotations(parent, node)]):
                if name not in SPECIAL:
                    yield f"{parent}.{name}{'.' if isinstance(node.get(name), Mapping) else '='}", ""
            return
        for option in read_help(self.line, self.command).options:
            if option.name and not option.name.startswith("-"):  # no text between them, no flag
                yield f"{option.name}=", option.explanation
        for name in self.groups:
            yield f"{name}.", f"options of {name}"

    def _values(self, key: str, value: str) -> Found:
        parent, _, name = key.rpartition(".")
        if key in self.groups:
            yield from ((choice, self._about(key, choice)) for choice in self.groups[key])
            return
        if key in OF_RUNS:
            yield "last", "the newest run"
            yield from dict.fromkeys(sorted(_names_of_runs()), "a name of runs").items()
        if key in (*OF_RUNS, *self.command.paths):
            yield from _files(value, only_folders=key in OF_RUNS and key != "weights")
            return
        node = self._node(parent)
        annotation = self._annotations(parent, node).get(name) if parent else self.command.arguments.get(name)
        of_type = [*literals(annotation), *_booleans(annotation)]
        if of_type or isinstance(node.get(name), bool):
            yield from dict.fromkeys(of_type or ["true", "false"], "").items()
        elif not value and isinstance(node.get(name), int | float | str) and node[name] != "???":
            yield str(node[name]), "as it is"

    def _node(self, key: str) -> Mapping[str, Any]:
        """The mapping at that key of the composed configuration, all of it at the empty key; else empty."""
        config: Any = {}
        for line in (self.line, split([], self.command)):  # a wrong word before is no reason to be silent
            with suppress(UserError):
                config = options(compose_line(line, self.command.conf, self.command.name))
                break
        for part in key.split(".") if key else ():
            config = config.get(part) if isinstance(config, Mapping) else None
        return config if isinstance(config, Mapping) else {}

    def _annotations(self, key: str, node: Mapping[str, Any]) -> Mapping[str, ast.expr | None]:
        signature = signature_of(key, node) if "_target_" in node else None
        return signature.annotations if signature else {}

    def _about(self, group: str, choice: str) -> str:
        """The first comment of a choice's file, on one line."""
        for folder in (Path(self.line.config_dir or self.command.conf), self.command.conf):
            file = folder / group / f"{choice}.yaml"
            if file.is_file():
                return first_comment(file.read_text(encoding="utf-8", errors="replace"))
        return ""


def _booleans(annotation: ast.expr | None) -> list[str]:
    nodes = ast.walk(annotation) if annotation else ()
    return ["true", "false"] if any(getattr(node, "id", None) == "bool" for node in nodes) else []


def _files(start: str, *, only_folders: bool) -> Found:
    """Files and folders whose paths begin so; a folder ends in a slash. Hidden ones only when asked for."""
    folder, _, name = start.rpartition("/")
    at = f"{folder}/" if "/" in start else ""
    with suppress(OSError):
        for path in sorted(Path(at or ".").expanduser().iterdir()):
            is_meant = path.name.startswith(name) and (name.startswith(".") or not path.name.startswith("."))
            if is_meant and (path.is_dir() or not only_folders):
                yield f"{at}{path.name}{'/' if path.is_dir() else ''}", ""


def _names_of_runs() -> set[str]:
    """Those at the ends of the runs' folders; the others end in a number of six digits."""
    ends = {run.folder.name.split("_", 2)[-1] for run in begun(Path("outputs"))}
    return {name for name in ends if not re.fullmatch("[0-9a-f]{6}", name)}
