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

from pellucid.errors import did_you_mean

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
    elif verb in (known := verbs()):
        from pellucid.commands.command import run_command

        os.environ["PELLUCID_COMMAND"] = "pellucid"  # what to type is told in these words, by children too
        sys.argv[1:] = rest
        run_command(f"{verb}.py", conf_folder())
    else:
        meant = did_you_mean(verb, known) or f" There are: {', '.join(known)}."
        print(f"error: {verb}: there is no such command.{meant} Expected: {USAGE}", file=sys.stderr)
        raise SystemExit(2)


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
            rows = takewhile(lambda row: row.startswith("# "), text.splitlines())
            found[file.stem] = re.split(r"[.:](?: |$)", " ".join(row[2:] for row in rows))[0]
    return found


def _overview() -> str:
    rows = verbs()
    width = max(map(len, rows))
    return "\n".join(
        [
            USAGE,
            "",
            *(f"  {verb:{width}}  {what}" for verb, what in rows.items()),
            "",
            "pellucid <command> --help tells the options of a command, pellucid --version which one this is.",
        ]
    )
