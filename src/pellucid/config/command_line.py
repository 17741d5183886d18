"""A command line taken apart, its paths quoted; what is no ``key=value`` at all is told."""

from __future__ import annotations

import argparse
import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from pellucid.config.command import KEPT_PATHS, TRAINING_PATHS, TRAINING_TEXTS, Command
from pellucid.config.compose import in_quotes
from pellucid.errors import UserError, did_you_mean, first_line

ITEM = re.compile(r"""'(?:\\.|[^'])*'|"(?:\\.|[^"])*"|[^,]+""")  # of a list
SHOW_ONLY = {*("--help", "-h", "--hydra-help", "--version", "--info", "-i"), *("--shell-completion", "-sc")}
FLAGS = {
    *(*SHOW_ONLY, "--cfg", "-c", "--resolve", "--package", "-p"),
    *("--multirun", "-m", "--run", "-r", "--config-dir", "-cd"),
}
OPEN = ("task.loss.", "task.metrics.")  # below which any option may stand
ONLY_SHOWING = {"--resolve", "--package", "-p"}


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
        values = [override.value() for override in self.parsed() if override.key_or_group == key]
        return values[-1] if values else None

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
        return replace(self, options=options, config_dir=str(folder))

    def with_user_files(self, conf: Path) -> CommandLine:
        """The line with the choices and the packages of the user's that lie in the current folder. Raises
        UserError, as ``_with_conf_beside``.
        """
        return self._with_conf_beside(conf)._with_packages_beside()

    def _with_conf_beside(self, conf: Path) -> CommandLine:
        """The line with the current folder's ``conf`` for its ``--config-dir``, where it has choices.

        Not where the line names a folder, nor in a clone, whose ``conf`` is that of the command, nor where it
        has more than choices, as that of another program. Raises UserError for a named folder with files that
        would take the place of commands.
        """
        if self.config_dir:
            theirs = {file.name for file in Path(self.config_dir).glob("*.yaml")}
            of_commands = sorted(theirs & {file.name for file in conf.glob("*.yaml")})
            if of_commands and not conf.samefile(self.config_dir):
                raise UserError(
                    f"--config-dir={self.config_dir}: its {', '.join(of_commands)} would take the place of "
                    "our own. Expected choices alone, <group>/<choice>.yaml."
                )
            return self
        beside = Path("conf")
        if any(beside.glob("*.yaml")) or not any(beside.glob("*/*.yaml")) or beside.samefile(conf):
            return self
        return replace(self, options=[*self.options, "--config-dir", str(beside)], config_dir=str(beside))

    def _with_packages_beside(self) -> CommandLine:
        """The line with ``packages`` naming those of its ``_target_`` that lie in the current folder.

        Not where the line names packages. Files of others name none: it is the line that is the user's word.
        """
        tops = [text.partition("_target_=")[2].strip("'\"").partition(".")[0] for text in self.overrides]
        beside = [top for top in dict.fromkeys(filter(None, tops)) if _lies_beside(top)]
        if not beside or any(text.lstrip("+").startswith("packages=") for text in self.overrides):
            return self
        return replace(self, overrides=[*self.overrides, f"packages=[{','.join(beside)}]"])

    def parsed(self) -> list[Override]:
        """The overrides, parsed. Raises Hydra's error for one that cannot be."""
        return OverridesParser.create().parse_overrides(self.overrides)


def _lies_beside(package: str) -> bool:
    """Whether that is a module or package of the current folder, and not an installed one."""
    if not (Path(f"{package}.py").is_file() or Path(package).is_dir()):
        return False
    spec = importlib.util.find_spec(package)  # which finds the current folder's, too, where it is on the path
    return spec is None or spec.origin is None or Path(spec.origin).is_relative_to(Path.cwd())


def split(argv: list[str], command: Command | None = None) -> CommandLine:
    """Take ``argv`` (without the program's name) apart; None: of a training."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for flags in (["--config-dir", "-cd"], ["--config-name", "-cn"], ["--config-path", "-cp"]):
        parser.add_argument(*flags)
    for flags in (["--package", "-p"], ["--cfg", "-c"], ["--experimental-rerun"]):
        parser.add_argument(*flags)
    parser.add_argument("--multirun", "-m", action="store_true")
    flags_given, rest = parser.parse_known_args(argv)
    overrides = [text for text in rest if not text.startswith("-")]
    written = set(overrides)
    return CommandLine(
        options=[text for text in argv if text not in written],
        overrides=[quote_path(_added(text), command, multirun=flags_given.multirun) for text in overrides],
        multirun=flags_given.multirun,
        show_only=not SHOW_ONLY.isdisjoint(rest) or flags_given.cfg is not None,
        config_dir=flags_given.config_dir,
    )


def _added(override: str) -> str:
    """The override, with Hydra's sign for what is not in the configuration where anything may be added."""
    return f"++{override}" if override.startswith(OPEN) else override


def quote_path(override: str, command: Command | None = None, *, multirun: bool = False) -> str:
    """``run=a b=1`` as ``run='a b=1'``; other overrides, and values already quoted, as they are."""
    key, _, value = override.partition("=")
    a_path = key.lstrip("+") in (command.paths if command else TRAINING_PATHS)
    a_text = key in (command.texts if command else TRAINING_TEXTS)
    if command and key in command.lists and value.startswith("["):
        if not ((a_path or a_text) and value.endswith("]")):
            return override
        items = _paths(value[1:-1]) if a_path else ITEM.findall(value[1:-1])
        texts = (quote_path(f"{key}={item.strip()}", command) for item in items)
        return f"{key}=[{','.join(text.removeprefix(f'{key}=') for text in texts)}]"
    if not (a_path or a_text) or value in ("", "null", "none", "default"):
        return override
    if value[0] in "'\"" or "${" in value or (multirun and "," in value):
        return override
    value = str(Path(value).expanduser()) if a_path else value
    if key.lstrip("+") in KEPT_PATHS and not _is_name(key, value):
        value = str(Path(value).absolute())
    if re.fullmatch(r"[\w./-]*/[\w./-]*", value, re.ASCII):  # Hydra, too, takes it for a text
        return f"{key}={value}"
    return assignment(key, value)


def _is_name(key: str, value: str) -> bool:
    """Whether weights are meant by their name, such as a tag of timm's: a word that is no file."""
    return key.lstrip("+") == "model.weights" and Path(value).name == value and not Path(value).exists()


def assignment(key: str, text: str) -> str:
    """The override that sets a key to that text, whatever signs are in it."""
    return f"{key}={in_quotes(text)}"


def _paths(text: str) -> list[str]:
    """The paths of a list, which may hold commas: where it is of two that exist, these."""
    parts = text.split(",")
    for index in range(1, len(parts)):
        pair = [",".join(half).strip() for half in (parts[:index], parts[index:])]
        if all(Path(path).expanduser().exists() for path in pair):
            return pair
    return [part.strip() for part in parts]


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
