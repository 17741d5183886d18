"""What a line chooses from the config groups."""

from __future__ import annotations

from pathlib import Path

from pellucid.config.choices import Choices, config_groups
from pellucid.config.command import Command
from pellucid.config.command_line import split
from tests.config.lines import problems
from tests.helpers import CONF


def test_several_values_where_no_sweep_can_be() -> None:
    assert problems("runs=a/b,c/d", name="compare") == (
        "runs=a/b,c/d: several values are a list, in brackets: runs=[a/b,c/d]"
    )


def test_a_glob_that_matches_nothing_is_told() -> None:
    assert "stands for no value" in problems("-m", "model=glob(q*)")


def test_an_option_of_another_command_is_told() -> None:
    assert "trainer.limit_test_batches: there is no such option" in problems(
        "run=a", "+trainer.limit_test_batches=2", name="evaluate"
    )
    assert "evaluate has no such option" in problems("run=a", "model=cnn", name="evaluate")


def test_the_choices_are_the_files_also_of_ones_own_folder(tmp_path: Path) -> None:
    for path in ("conf/model/cnn.yaml", "conf/model/dnn.yaml", "own/model/mine.yaml", "own/tool/saw.yaml"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    assert config_groups(split([]), tmp_path / "conf") == {"model": ["cnn", "dnn"]}
    line = split(["--config-dir", str(tmp_path / "own")])
    groups = {"model": ["cnn", "dnn", "mine"], "tool": ["saw"]}
    assert config_groups(line, tmp_path / "conf") == groups


def test_what_chooses_from_a_group() -> None:
    line = split(["model=cnn", "seed=1", "hydra/launcher=joblib", "model@other=dnn"])
    choices = Choices(line, Command(CONF, "train"))
    assert [choices.is_of(override) for override in line.parsed()] == [True, False, True, True]
    assert {"experiment", "debug"} <= choices.optional
    assert "model" in Choices(line, Command(CONF, "evaluate")).other_groups
