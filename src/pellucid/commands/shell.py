"""The command ``pellucid``: the verbs of the configuration files, as ``scripts/<verb>.py`` run them.

Until the verb is known nothing is imported that takes time.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from itertools import takewhile
from pathlib import Path

from pellucid.errors import UserError, did_you_mean

PACKAGE = Path(__file__).resolve().parents[1]
USAGE = "pellucid <command> [<option>=<value> …]"


def main() -> None:
    """Run a command of this process's command line, ``pellucid <command> …``; exit codes are those of it.

    Without a command, and with ``--help``: which there are. 2: there is no such command.
    """
    verb, *rest = sys.argv[1:] or ["--help"]
    if verb in ("--help", "-h"):
        with suppress(BrokenPipeError):  # into head, say
            print(_overview(), flush=True)
    elif verb == "--version":
        from importlib.metadata import version

        print(f"pellucid {version('pellucid')}")
    elif verb in ("completion", "--complete"):
        _complete(verb, rest)
    elif verb in (known := verbs()):
        from pellucid.commands.command import run_command

        os.environ["PELLUCID_COMMAND"] = "pellucid"  # what to type is told in these words, by children too
        sys.argv[1:] = rest
        run_command(f"{verb}.py", conf_folder())
    else:
        meant = did_you_mean(verb, known) or f" There are: {', '.join(known)}."
        told = f"{verb}: there is no such command.{meant} Expected: {USAGE}"
        print(f"error: {told}", file=sys.stderr)
        if "--json" in sys.argv:
            from pellucid.commands.json_output import mistaken

            print(mistaken(verb, told))
        raise SystemExit(2)


def _complete(verb: str, rest: list[str]) -> None:
    """Answer a shell, or print what makes one ask."""
    from pellucid.commands import completion

    if verb == "--complete":
        with suppress(BrokenPipeError):
            print(*map("\t".join, completion.completions(" ".join(rest))), sep="\n", flush=True)
    elif rest and rest[0] not in ("--help", "-h"):
        try:
            print(completion.shell_script(rest[0]), end="")
        except UserError as error:
            print(f"error: completion {error}", file=sys.stderr)
            raise SystemExit(2) from None
    else:
        print(completion.HOW)


def conf_folder() -> Path:
    """The configuration files: in the package as it is installed, or at the top of a clone."""
    inside = PACKAGE / "conf"
    return inside if inside.is_dir() else PACKAGE.parents[1] / "conf"


def verbs() -> dict[str, str]:
    """What each command of the package does, in a sentence; the training first."""
    found = {}
    for file in sorted(conf_folder().glob("*.yaml"), key=lambda file: (file.stem != "train", file.stem)):
        text = file.read_text(encoding="utf-8")
        target = re.search(r"^_target_: (\S+)", text, re.MULTILINE)
        if target is None or target[1].startswith("pellucid."):
            found[file.stem] = re.split(r"[.:](?: |$)", first_comment(text))[0]
    return found


def first_comment(text: str) -> str:
    """What a configuration file begins by saying of itself, on one line."""
    rows = takewhile(lambda row: row.startswith("# "), text.splitlines())
    return " ".join(row[2:] for row in rows)


def _overview() -> str:
    rows = verbs()
    width = max(map(len, rows))
    return "\n".join(
        [
            USAGE,
            "",
            *(f"  {verb:{width}}  {what}" for verb, what in rows.items()),
            "",
            "pellucid <command> --help tells the options of a command, pellucid --version which one this is,",
            "pellucid completion how the tab key completes a line.",
        ]
    )
