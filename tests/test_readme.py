"""The README's commands and paths are right."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from pellucid.commands.train import train
from pellucid.config.command_line import check, split
from pellucid.config.compose import compose, container
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
            multirun = ["-m", "optimizer.lr=1e-3,1e-2"] if option.startswith("sweep") else []
            check(split([*multirun, option]), conf=CONF, name="train")
            checked += 1
    assert checked >= 25


# Of some choices what makes them quick, possible without a network, and to mean something.
WITH = {
    "data=catdog": ["data.source=drawn", "data.image_size=34", "model.channels=[4]"],
    "data=fashion_mnist": ["data.root={fashion}"],
    "model=xai": ["data.image_size=34"],
    "model=resnet_frozen": ["model.weights=none", "data.image_size=32"],
    "model=resnet_finetune": ["model.weights=none", "data.image_size=32"],
    "scheduler=step": ["scheduler.step_size=1"],
    "trainer=ddp": ["trainer.accelerator=cpu", "trainer.devices=1"],
    "experiment=fashion_cnn": ["data.root={fashion}"],
    "experiment=fashion_autoencoder": ["data.root={fashion}"],
    "task=reconstruction": ["model=autoencoder"],
}
ELSEWHERE = {
    *("data=cifar10", "data=image_folder", "model=own"),  # tests of their own, with files and nets of theirs
    *("trainer=gpu", "trainer=mps", "callbacks=default", "explainer=all"),  # what is here; the usual
}
ROOMS = ("model", "task", "data", "optimizer", "scheduler", "trainer", "callbacks", "explainer", "logger")
SETS = ("experiment", "debug")
CHOICES = {f"{room}={path.stem}" for room in (*ROOMS, *SETS) for path in (CONF / room).glob("*.yaml")}


@pytest.mark.slow
@pytest.mark.parametrize("choice", sorted(CHOICES - ELSEWHERE))
def test_every_choice_trains_to_the_end(choice: str, fashion: Path, tmp_path: Path) -> None:
    room = choice.partition("=")[0]
    argv = [choice, *(text.format(fashion=fashion) for text in WITH.get(choice, [])), "report=false"]
    if room != "callbacks":
        argv.append("callbacks=[film_strip,explanations]" if room == "explainer" else "callbacks=none")
    if room != "trainer":
        argv += ["trainer.accelerator=cpu", "trainer.devices=1"]
    if room != "debug":
        argv += ["trainer.max_epochs=1", *(f"+trainer.limit_{s}_batches=2" for s in ("train", "val", "test"))]
    line = split(argv)
    check(line, conf=CONF, name="train")
    found = train(container(compose(CONF, "train", line.overrides)), tmp_path / "run")
    assert found["status"] == "finished"
    assert not [key for key in found if key.startswith("look/failed")]


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
