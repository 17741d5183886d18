"""The contract of a command: one function and one YAML; options, help, checks and hints follow from them."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from pellucid.config.command import Command
from tests.helpers import CONF, ROOT

COMMANDS = sorted(path.stem for path in (ROOT / "scripts").glob("*.py"))
FUNCTION = """
import torch
from typing import Annotated, Literal
from pellucid.config.command import DataOverride, NameText, OnlyIf, PathText, Unless

def toy(
    photo: PathText, *, sign: NameText = "a", size: int | None = None, data: DataOverride | None = None,
    among: Literal["cats", "dogs"] = "cats",
    times: Annotated[int, OnlyIf("among", "dogs", "cats count once")] = 1,
) -> None:
    print(repr(photo), repr(sign), size, data, among, times)
"""
YAML = """# Count the animals of a photo.
#
#   python scripts/toy.py photo=a.png
_target_: toys.toy

photo: ???  # <file>: an image
sign: a  # written beside each
size: null  # <number>: in pixels
data: null  # .root=<folder>: other images
among: cats  # cats or dogs
times: 1  # as often is each counted, by
          # several people
"""
HELP = """Count the animals of a photo.

  photo=<file>        an image; required
  sign=a              written beside each
  size=<number>       in pixels
  data.root=<folder>  other images
  among=cats          cats or dogs
  times=1             as often is each counted, by several people
  --json              what is found, or a mistake, as one JSON object on standard output

Examples

  python scripts/toy.py photo=a.png
"""


def test_they_were_found() -> None:
    assert len(COMMANDS) >= 9


@pytest.mark.parametrize("name", COMMANDS)
def test_the_yaml_says_the_functions_defaults(name: str) -> None:
    command = Command(CONF, name)
    module, _, function = str(command.target).rpartition(".")
    parameters = inspect.signature(getattr(importlib.import_module(module), function)).parameters
    assert parameters.keys() == command.arguments.keys()
    for key, parameter in parameters.items():
        if key not in command.choices:
            given = "???" if parameter.default is parameter.empty else parameter.default
            assert command.values[key] == (list(given) if isinstance(given, tuple) else given), key
    given = {key for key in command.values if key not in ("_target_", "defaults")}
    assert given | command.choices.keys() == parameters.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_explained(name: str) -> None:
    rows = (CONF / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    keys = [key for key in Command(CONF, name).values if key not in ("_target_", "defaults")]
    for key in keys:
        assert any(row.startswith(f"{key}: ") and "  # " in row for row in rows), key


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """The script of a command that is this."""
    (tmp_path / "conf" / "data").mkdir(parents=True)
    (tmp_path / "conf" / "data" / "digits.yaml").write_text("_target_: x.Y\n")
    (tmp_path / "conf" / "toy.yaml").write_text(YAML)
    (tmp_path / "conf" / "train.yaml").write_text("packages: []\n")
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "toys.py").write_text(FUNCTION)
    script = tmp_path / "scripts" / "toy.py"
    script.write_text("from pellucid.commands.command import run_command\nrun_command(__file__)\n")
    return script


def ask(script: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-X", "importtime", str(script), *argv]
    return subprocess.run(command, capture_output=True, text=True, cwd=script.parent, check=False)


def said(done: subprocess.CompletedProcess[str]) -> str:
    """Of stderr what is not about imports."""
    return "\n".join(row for row in done.stderr.splitlines() if not row.startswith("import time:"))


def test_a_command_is_a_function_and_a_yaml(toy: Path) -> None:
    done = ask(toy, "photo=a [b]=1, c.png", "sign=1.10", "data.root=/x", "among=dogs", "times=3")
    assert said(done) == ""
    assert done.stdout == "'a [b]=1, c.png' '1.10' None {'root': '/x'} dogs 3\n"
    shown = ask(toy, "--help")
    assert shown.stdout == HELP
    assert "torch" not in shown.stderr


def test_all_its_mistakes_are_told_before_torch(toy: Path) -> None:
    done = ask(toy, "foto=a", "size=big", "among=cat", "times=2", "sing=null")
    assert done.returncode == 2
    first, *others = said(done).splitlines()
    assert first == "error: times: without effect, as cats count once. Leave it out."
    assert {text.strip() for text in others} == {
        "foto: there is no such option. Did you mean 'photo'?",
        "sing: there is no such option. Did you mean 'sign'?",
        "size: expected a whole number or null, got 'big'.",
        "among: expected one of cats, dogs, got 'cat'. Did you mean 'cats'?",
        "photo: it must be given: photo=…",
    }
    assert "torch" not in done.stderr


@pytest.mark.parametrize("option", ["hydra.run.dir=x", "hydra.verbose=true", "hydra/job_logging=default"])
def test_what_is_of_a_training_is_refused(toy: Path, option: str) -> None:
    done = ask(toy, "photo=a", option)
    assert done.returncode == 2
    assert said(done).startswith(f"error: {option.partition('=')[0]}: of a training.")
