"""The README's commands and paths are right."""

from __future__ import annotations

import re
import shlex

import pytest

from pellucid.config.command_line import check, split
from tests.helpers import CONF, ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"python ((?:train|scripts/\w+)\.py[^\n`&]*)", README)))


def test_it_is_short() -> None:
    assert len(README.splitlines()) <= 250
    assert len(COMMANDS) >= 14


@pytest.mark.parametrize("command", [c for c in COMMANDS if "MyNet" not in c])
def test_a_command_is_accepted(command: str) -> None:
    script, *argv = shlex.split(command.replace("<run>", "run"))
    name = script.removesuffix(".py").rpartition("/")[2]
    line = split(argv)
    if name == "report":
        assert (line.value("sweep") is None) != (line.value("run") is None)
    elif not line.show_only:
        check(line, conf=CONF, name=name)


@pytest.mark.slow
def test_every_option_in_the_table_is_accepted() -> None:
    table = README.partition("## The options people change most")[2].partition("##")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    checked = 0
    for cell in cells:
        key = ""
        for text in re.findall(r"`([^`]+)`", cell):
            if text.endswith("…"):
                continue
            key = text.partition("=")[0] if "=" in text else key
            option = text if "=" in text else f"{key}={text}"
            early = ["callbacks=[default,early_stopping]"] if "early" in option else []
            check(split([option, *early][:1]), conf=CONF, name="train")
            checked += 1
    assert checked >= 25


def test_every_path_exists() -> None:
    named = re.findall(r"`?((?:scripts|conf|src|tests|docs)/[\w./-]+)", README)
    missing = {path for path in named if "mine" not in path and not (ROOT / path).exists()}
    assert not missing


@pytest.mark.parametrize(("room", "heading", "least"), [("model", "Models", 8), ("data", "Data sets", 5)])
def test_the_table_names_choices_that_there_are(room: str, heading: str, least: int) -> None:
    """One's own need no row."""
    table = README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    named = re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE)
    assert len(named) >= least
    assert set(named) <= {path.stem for path in (CONF / room).glob("*.yaml")}
