"""The commands, paths and links of the README and of the pages that it leads to are right."""

from __future__ import annotations

import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import pytest

from pellucid.commands.json_output import FLAG
from pellucid.commands.shell import verbs
from pellucid.commands.train import train
from pellucid.config.check import LOGGERS
from pellucid.config.choices import config_groups
from pellucid.config.command import Command
from pellucid.config.command_line import split
from pellucid.config.compose import compose, container
from pellucid.config.data_override import split_off
from pellucid.config.line_check import check
from tests.helpers import CONF, ROOT

PAGES = {
    path.relative_to(ROOT): path.read_text(encoding="utf-8")
    for path in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
}
README = PAGES[Path("README.md")]
TEXT = "\n".join(PAGES.values())
COMMANDS = [
    *re.findall(r"python ((?:train|scripts/\w+)\.py[^\n`&]*)", TEXT),
    *re.findall(rf"^pellucid ((?:{'|'.join(verbs())})\b[^\n`&]*)", TEXT, flags=re.MULTILINE),
]
# What the reader is to write: a net, and files that begin with their path.
WRITTEN = set(re.findall(r"^# (\S+\.(?:py|yaml))$", TEXT, flags=re.MULTILINE))
THEIRS = ("MyNet", *WRITTEN, *(f"experiment={Path(path).stem}" for path in WRITTEN))


def test_it_is_short() -> None:
    assert len(README.splitlines()) <= 200
    assert len(set(re.findall(r"^python .*", README, flags=re.MULTILINE))) >= 14


@pytest.mark.parametrize("command", sorted({c for c in COMMANDS if not any(name in c for name in THEIRS)}))
def test_a_command_is_accepted(command: str) -> None:
    script, *argv = shlex.split(re.sub(r"<[^>]+>", "run", command))
    name = script.removesuffix(".py").rpartition("/")[2]
    command_file = Command(CONF, name)
    line = split([word for word in argv if word != FLAG], command_file)
    if name == "report":
        assert (line.value("sweep") is None) != (line.value("run") is None)
    elif not line.show_only:
        if command_file.target is not None:  # other data, which a command checks by themselves
            for group in command_file.apart_from(config_groups(line, CONF)):
                line, _ = split_off(line, group)
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
            if key == "logger" and find_spec(LOGGERS.get(option.partition("=")[2], "pellucid")) is None:
                continue  # a package that is not there is told
            multirun = ["-m", "optimizer.lr=1e-3,1e-2"] if option.startswith("sweep") else []
            check(split([*multirun, option]), conf=CONF, name="train")
            checked += 1
    assert checked >= 25


# Of some choices what makes them quick, possible without a network, and to mean something.
WITH = {
    "data=catdog": ["data.source=drawn", "data.image_size=34", "model.channels=[4]"],
    "data=fashion_mnist": ["data.root={fashion}"],
    "model=xai": ["data.image_size=34"],
    "model=timm": ["model.weights=none", "model.arch=test_resnet", "data.image_size=32"],
    "model=resnet_frozen": ["model.weights=none", "data.image_size=32"],
    "model=resnet_finetune": ["model.weights=none", "data.image_size=32"],
    "scheduler=step": ["scheduler.step_size=1"],
    "trainer=ddp": ["trainer.accelerator=cpu", "trainer.devices=1"],
    "experiment=fashion_cnn": ["data.root={fashion}"],
    "experiment=fashion_autoencoder": ["data.root={fashion}"],
    "task=reconstruction": ["model=autoencoder"],
    "task=multilabel": ["packages=[tests]", "data._target_=tests.drawn.Shapes"],
    "task=regression": ["packages=[tests]", "data._target_=tests.drawn.Arrows"],
}
ELSEWHERE = {
    *(
        "data=cifar10",
        "data=image_folder",
        "data=torchvision",
        "data=table",
        "data=huggingface",
        "data=own",
        "model=own",
        *(f"logger={name}" for name in LOGGERS),
    ),  # tests of their own, with files, nets and packages of theirs
    *("trainer=gpu", "trainer=mps", "callbacks=default", "explainer=all"),  # what is here; the usual
}
GROUPS = ("model", "task", "data", "optimizer", "scheduler", "trainer", "callbacks", "explainer", "logger")
SETS = ("experiment", "debug")
CHOICES = {f"{group}={path.stem}" for group in (*GROUPS, *SETS) for path in (CONF / group).glob("*.yaml")}


def _with_weight(choice: str) -> object:
    """A view or a method of explanation has tests of its own, too."""
    return pytest.param(choice, marks=[pytest.mark.heavy] * choice.startswith(("callbacks=", "explainer=")))


@pytest.mark.slow
@pytest.mark.parametrize("choice", [_with_weight(choice) for choice in sorted(CHOICES - ELSEWHERE)])
def test_every_choice_trains_to_the_end(choice: str, fashion: Path, tmp_path: Path) -> None:
    group = choice.partition("=")[0]
    argv = [choice, *(text.format(fashion=fashion) for text in WITH.get(choice, [])), "report=false"]
    if group != "callbacks":
        argv.append("callbacks=[film_strip,explanations]" if group == "explainer" else "callbacks=none")
    if group != "trainer":
        argv += ["trainer.accelerator=cpu", "trainer.devices=1"]
    if group != "debug":
        argv += ["trainer.max_epochs=1", *(f"+trainer.limit_{s}_batches=2" for s in ("train", "val", "test"))]
    line = split(argv)
    check(line, conf=CONF, name="train")
    found = train(container(compose(CONF, "train", line.overrides)), tmp_path / "run")
    assert found["status"] == "finished"
    assert not [key for key in found if key.startswith("look/failed")]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_path_exists(page: Path) -> None:
    named = re.findall(r"(?<![\w./{*])((?:scripts|conf|src|tests|docs)/\w[\w./-]*\w)", PAGES[page])
    assert not {path for path in {*named} - WRITTEN if "mine" not in path and not (ROOT / path).exists()}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_leads_somewhere(page: Path) -> None:
    for path, heading in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", PAGES[page]):
        target = (ROOT / page.parent / path).resolve() if path else ROOT / page
        assert target.exists(), path
        if heading:
            headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert heading in {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}


@pytest.mark.parametrize(("group", "heading", "least"), [("model", "Models", 8), ("data", "Data sets", 5)])
def test_the_table_names_choices_that_there_are(group: str, heading: str, least: int) -> None:
    """One's own need no row."""
    table = README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    named = re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE)
    assert len(named) >= least
    assert set(named) <= {path.stem for path in (CONF / group).glob("*.yaml")}


def test_the_glossary_has_the_words_of_the_code() -> None:
    files = [path for folder in ("src", "conf") for path in (ROOT / folder).rglob("*.*") if path.is_file()]
    texts = [path.read_text(encoding="utf-8") for path in files if path.suffix in (".py", ".yaml")]
    said = "\n".join([*(str(path.relative_to(ROOT)) for path in files), *texts])
    rows = [line.split(" | ") for line in PAGES[Path("docs/glossary.md")].splitlines() if "`" in line]
    words = {word for row in rows if len(row) == 4 for word in re.findall(r"`([^`]+)`", row[1])}
    assert len(words) > 60
    assert not {word for word in words if not re.search(rf"\b{re.escape(word)}\b", said)}
