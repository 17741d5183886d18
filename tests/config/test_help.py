"""The text of --help."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pellucid.config.command import Command
from pellucid.config.command_line import split
from pellucid.config.help import help_text
from tests.config.lines import ask
from tests.helpers import CONF, ROOT


def test_help_names_groups_choices_and_examples_without_torch() -> None:
    done = ask("--help")
    assert done.returncode == 0
    models = ", ".join(sorted(path.stem for path in (CONF / "model").glob("*.yaml")))
    assert re.search(rf"\n  model=cnn +{models}\n", done.stdout)
    assert done.stdout.count("  python train.py") == 7
    assert done.stdout.endswith("False\n"), "torch was imported"


@pytest.mark.parametrize("name", ["train", "evaluate"])
def test_examples_are_what_the_installed_command_takes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    command = Command(CONF, name)
    monkeypatch.setenv("PELLUCID_COMMAND", name)
    examples = help_text(split([], command), command).partition("\nExamples\n\n")[2].splitlines()
    assert len(examples) >= 3
    assert all(example.startswith(f"  pellucid {name}") for example in examples)


YAML = """# Count
# animals.
#
#   python tool.py photo=a.png
defaults:
  - _self_
  - model: null  # the net
_target_: tools.tool
photo: ???  # <file>: an image
# Rarely needed
# at all
a_rather_long_name_of_an_option: [1, 2]  # it goes on
                                         # below
data: null  # .root=<folder>: other images
hydra:
  run: null  # not shown
"""
HELP = """Count
animals.

  model=<choice>      cnn, dnn; the net
  photo=<file>        an image; required

Rarely needed
at all

  a_rather_long_name_of_an_option=[1,2]  it goes on below
  data.root=<folder>  other images
  --json              what is found, or a mistake, as one JSON object on standard output

Examples

  python tool.py photo=a.png"""


def test_the_text_is_what_the_yaml_and_its_comments_say(tmp_path: Path) -> None:
    for name in ("model/dnn.yaml", "model/cnn.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "tool.yaml").write_text(YAML)
    assert help_text(split([]), Command(tmp_path, "tool")) == HELP


@pytest.mark.parametrize("path", sorted((ROOT / "scripts").glob("*.py")), ids=lambda path: path.stem)
def test_every_command_has_help_of_lines_that_fit(path: Path) -> None:
    command = Command(CONF, path.stem)
    text = help_text(split([], command), command)
    for name in command.arguments.keys() - command.choices.keys():
        assert re.search(rf"^  {name}[=.]", text, re.MULTILINE), name
    assert f"python scripts/{path.name}" in text
    assert max(map(len, text.splitlines())) <= 110
