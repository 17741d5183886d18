"""A command as its YAML and its function's signature tell it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pellucid.config.check import NULLABLE
from pellucid.config.command import TRAINING_PATHS, Command
from tests.config.lines import accepted, problems
from tests.helpers import CONF

COMMANDS = ("evaluate", "predict", "explain", "embed", "units", "compare", "export", "report")


@pytest.mark.parametrize("name", [*COMMANDS, "benchmark", "cache", "train"])
def test_no_option_takes_nothing(name: str) -> None:
    """Null only where it means something: where it is the default."""
    values = Command(CONF, name).values
    apart = ("hydra", "defaults", "_target_", "data", "sweep")  # the last two are split off before
    options = {key: default for key, default in values.items() if key not in apart}
    given = {"run": "a", "runs": "[a,b]", "images": "b"}
    needed = {f"{key}={given[key]}" for key, default in options.items() if default == "???"}
    told = problems(*(f"{key}=" for key in options), name=name)
    assert all(f"{key}=: nothing is given" in told for key in options)
    never = [key for key, default in options.items() if default is not None and key not in NULLABLE]
    told = problems(*(f"{key}=null" for key in never), name=name) if never else ""
    for key in never:
        assert re.search(rf"^{key}: expected .*, got null", told, re.MULTILINE), key
    accepted(*needed, *(f"{key}=null" for key, default in options.items() if default is None), name=name)


@pytest.mark.parametrize(
    ("name", "argv", "said"),
    [
        ("predict", "run=a images=b risk=0.1", "risk: without effect, as it is what threshold=auto"),
        ("evaluate", "run=a checkpoint=all tta=flip", "tta: without effect, as checkpoint=all"),
        (
            "train",
            "data=catdog data.source=drawn data.root=/tmp",
            "data.root: without effect, as data.source=",
        ),
        ("embed", "run=a nearest=5", "nearest: without effect, as no neighbours"),
        ("embed", "run=a methods=[pca] tsne_points=10", "tsne_points: without effect, as methods"),
        ("units", "run=a images=b split=val", "split: without effect, as images"),
        (
            "export",
            "run=a format=state_dict preprocessing=beside",
            "preprocessing: without effect, as format",
        ),
    ],
)
def test_an_option_that_another_leaves_without_effect_is_told(name: str, argv: str, said: str) -> None:
    assert said in problems(*argv.split(), name=name)


def test_a_number_out_of_its_range_is_told_and_a_text_may_stand_for_one() -> None:
    told = problems("run=a", "images=b", "threshold=1", "risk=1.5", name="predict")
    assert "threshold: expected more than 0 and less than 1, got 1." in told
    assert "risk: expected more than 0 and less than 1, got 1.5." in told
    accepted("run=a", "images=b", "threshold=auto", "risk=0.01", name="predict")
    accepted("run=a", "images=b", "threshold=0.9", name="predict")


FUNCTION = """
def tool(
    photo: PathText, *, photos: Sequence[PathText] = (), name: NameText = "a",
    data: DataOverride | None = None, among: Literal["cats", "dogs"] | None = "cats",
    times: Annotated[int, OnlyIf("among", "dogs", "cats count once")] = 1,
    side: Annotated[int, Unless("photos", "x", "x has none")] = 1,
) -> None: ...
"""
YAML = """
defaults: [_self_, {data: digits}, {optional model: null}]
_target_: tools_of_a_test.tool
photo: ???
name: a
"""


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    (tmp_path / "tools_of_a_test.py").write_text(FUNCTION)
    (tmp_path / "tool.yaml").write_text(YAML)
    monkeypatch.syspath_prepend(str(tmp_path))
    return Command(tmp_path, "tool")


def test_what_the_yaml_and_the_signature_say(tool: Command) -> None:
    assert tool.target == "tools_of_a_test.tool"
    assert tool.values["photo"] == "???"
    assert tool.choices == {"data": "digits"}, "a model is chosen elsewhere"
    assert list(tool.arguments) == ["photo", "photos", "name", "data", "among", "times", "side"]
    assert tool.paths - TRAINING_PATHS == {"photo", "photos"}
    assert tool.texts == {"name"}
    assert tool.lists == {"photos"}
    assert tool.apart_from(["data", "name", "task"]) == {"name"}, "data is a choice of this command"


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("among", "dogs", ""),
        ("among", None, ""),
        ("among", "dog", "among: expected one of cats, dogs or null, got 'dog'. Did you mean 'dogs'?"),
        ("times", None, "times: expected a whole number, got null."),
        ("times", "${side}", ""),
        ("photos", ["a", 1], "photos: expected a list, each a path, got ['a', 1]."),
        ("elsewhere", 1, ""),
    ],
)
def test_the_problem_of_a_value(tool: Command, name: str, value: object, problem: str) -> None:
    assert tool.value_problem(name, value) == problem


def test_options_that_others_leave_without_effect(tool: Command) -> None:
    def moot(**config: object) -> list[str]:
        return [text.partition(",")[0] for text in tool.moot_problems(config, ["times", "side", "name"])]

    assert moot(among="dogs", photos=[]) == []
    assert moot(among="cats", photos=["y"]) == ["times: without effect"]
    assert moot(among=["cats", "dogs"], photos=["x"]) == ["side: without effect"], "a list that contains it"


def test_a_training_has_no_arguments() -> None:
    command = Command(CONF, "train")
    assert command.target is None
    assert command.arguments == {}
    assert command.paths == TRAINING_PATHS
    assert {"model", "data", "task", "trainer"} <= command.choices.keys()
