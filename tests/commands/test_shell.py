"""The command ``pellucid``: its verbs, and the wheel that has all they need."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from zipfile import ZipFile

import pytest
from omegaconf import OmegaConf

from pellucid.commands import shell
from tests.helpers import CONF, ROOT

WHERE = """
from pellucid.commands.shell import conf_folder
from pellucid.errors import typed
print(conf_folder(), typed("train"), sep="\\n")
"""


def typed(*argv: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "pellucid", *argv]
    return subprocess.run(line, capture_output=True, text=True, cwd=cwd, check=False)


def test_every_command_has_its_line() -> None:
    done = typed("--help")
    assert done.returncode == 0
    for file in (ROOT / "scripts").glob("*.py"):
        shown = f"\n  {file.stem} " in done.stdout
        assert shown is (file.stem != "benchmark"), file.stem  # which needs a clone
    assert done.stdout == typed().stdout
    assert max(map(len, done.stdout.splitlines())) <= 110


def test_nothing_heavy_is_loaded_before_the_verb_is_known() -> None:
    code = "import sys; from pellucid.commands import shell; shell.verbs(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "hydra", "yaml", "rich", "numpy"} & set(done.stdout.split())


@pytest.mark.timed
def test_help_answers_at_once() -> None:
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        typed("--help")
        seconds.append(time.perf_counter() - start)
    assert min(seconds) <= 0.3


def test_a_mistyped_command() -> None:
    done = typed("trian", "model=cnn")
    assert done.returncode == 2
    assert done.stderr.startswith("error: trian: there is no such command. Did you mean 'train'?")
    assert done.stderr.count("\n") == 1


def test_options_are_those_of_the_script() -> None:
    done = typed("evaluate", "--help")
    assert done.returncode == 0
    script = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "evaluate.py"), "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == script.stdout.replace("python scripts/evaluate.py", "pellucid evaluate")
    mistyped = typed("evaluate", "chekpoint=last")
    assert mistyped.returncode == 2
    assert "checkpoint" in mistyped.stderr


def test_what_to_type_is_told_in_its_words(tmp_path: Path) -> None:
    done = typed("train", "model=dnn,cnn", cwd=tmp_path)
    assert done.returncode == 2
    assert "several values need -m: pellucid train -m model=dnn,cnn" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_conf_beside_the_user_adds_choices(tmp_path: Path) -> None:
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    (tmp_path / "conf" / "experiment" / "mine.yaml").write_text(
        "# @package _global_\ndefaults:\n  - override /model: dnn\nseed: 17\n"
    )
    done = typed("train", "experiment=mine", "--cfg", "job", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "seed: 17" in done.stdout
    assert "mine" in typed("train", "--help", cwd=tmp_path).stdout
    elsewhere = typed("train", "experiment=mine", "--cfg", "job", cwd=tmp_path / "conf")
    assert elsewhere.returncode != 0


CNN = "_target_: pellucid.model.cnn.CNN\nchannels: [3, 5]\n"


@pytest.mark.slow
def test_of_two_choices_of_a_name_the_users_is_meant(tmp_path: Path) -> None:
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "cnn.yaml").write_text(CNN)
    done = typed("train", "trainer.max_epochs=1", "callbacks=none", "report=false", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "In the place of our own: conf/model/cnn.yaml." in done.stderr
    (kept,) = tmp_path.glob("outputs/cnn_digits/*/.hydra/config.yaml")
    model = OmegaConf.load(kept).model
    assert (list(model.channels), "hidden" in model) == ([3, 5], False)
    assert typed("evaluate", "run=last", cwd=tmp_path).returncode == 0


def test_a_conf_folder_of_another_program_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "cnn.yaml").write_text(CNN)
    (tmp_path / "conf" / "train.yaml").write_text("defaults:\n  - model: cnn\n")
    done = typed("train", "model=bogus", cwd=tmp_path)
    assert "by its train.yaml it is another program's" in done.stderr
    shown = typed("train", "--cfg", "job", cwd=tmp_path).stdout
    assert "dropout: 0.25" in shown
    named = typed("train", "--config-dir", "conf", "--cfg", "job", cwd=tmp_path)
    assert named.returncode == 2
    assert "--config-dir=conf: its train.yaml would take the place of" in named.stderr


@pytest.mark.slow
def test_the_wheel_trains_in_an_empty_folder(tmp_path: Path) -> None:
    """Installed as it is, beside the packages that it needs."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, check=True, capture_output=True, cwd=ROOT)
    (wheel,) = tmp_path.glob("*.whl")
    inside = tmp_path / "installed"
    with ZipFile(wheel) as file:
        file.extractall(inside)
        packed = {Path(name).relative_to("pellucid/conf") for name in file.namelist() if "/conf/" in name}
        modules = {name for name in file.namelist() if name.endswith(".py")}
    sources = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src").rglob("*.py")}
    assert modules == sources  # Hydra's plugin of -m too, which is no part of the package
    assert packed == {file.relative_to(CONF) for file in CONF.rglob("*.yaml")}
    empty = tmp_path / "empty"
    empty.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(inside)}
    line = ["-m", "pellucid", "train", "model=dnn", "trainer.max_epochs=1", "callbacks=none", "trainer=cpu"]
    done = subprocess.run(
        [sys.executable, *line], cwd=empty, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (page,) = empty.glob("outputs/dnn_digits/*/report.html")
    assert "pellucid train resume=" in page.read_text(encoding="utf-8")
    where = subprocess.run(
        [sys.executable, "-c", WHERE],
        cwd=empty, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    folder, command = where.stdout.splitlines()
    assert Path(folder) == inside / "pellucid" / "conf"
    assert command == "pellucid train"  # from Python too, as no train.py is there


def test_conf_of_a_clone_is_at_its_top() -> None:
    assert shell.conf_folder() == CONF


def test_a_mistyped_command_as_json() -> None:
    done = typed("trian", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"].startswith("trian: there is no such command.")
