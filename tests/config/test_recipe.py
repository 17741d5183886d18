"""What recipes choose, and who chooses before them."""

from __future__ import annotations

import pytest

from pellucid.config import compose as composing
from pellucid.config.command import Command
from tests.helpers import CONF, compose

NAMES = sorted(path.stem for path in (CONF / "recipe").glob("*.yaml"))


def chosen(*line: str) -> tuple[str, str, str]:
    """Classes of the optimizer, its schedule and the average, empty for none."""
    config = compose(*line)
    optimizer, scheduler, average = (
        str(config[group].get("_target_", "")).rpartition(".")[2]
        for group in ("optimizer", "scheduler", "average")
    )
    return optimizer, scheduler, average


def test_they_were_found() -> None:
    assert NAMES == ["best", "fast", "good", "plain"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("model=cnn", ("Adam", "", "")),
        ("model=dnn", ("AdamW", "WarmupCosine", "EMA")),
        ("model=dnn recipe=plain", ("Adam", "", "")),
        ("model=cnn recipe=good", ("AdamW", "WarmupCosine", "EMA")),
        ("model=cnn recipe=fast", ("AdamW", "OneCycle", "EMA")),
        ("model=cnn recipe=best", ("AdamW", "WarmupCosine", "EMA")),
        ("model=xai", ("Muon", "WarmupCosine", "EMA")),
        ("model=xai recipe=fast", ("Muon", "OneCycle", "EMA")),
        ("model=xai recipe=plain", ("Muon", "", "")),
        ("model=dnn optimizer=sgd", ("SGD", "WarmupCosine", "EMA")),
        ("recipe=good scheduler=none average=swa", ("AdamW", "", "SWA")),
        ("experiment=fashion_cnn recipe=good", ("AdamW", "WarmupCosine", "EMA")),
    ],
)
def test_the_line_chooses_before_the_model_and_the_model_before_the_recipe(
    line: str, expected: tuple[str, str, str]
) -> None:
    assert chosen(*line.split()) == expected


@pytest.mark.parametrize("recipe", NAMES)
def test_values_of_the_line_count(recipe: str) -> None:
    line = [f"recipe={recipe}", "trainer.max_epochs=3", "optimizer.lr=0.5", "trainer=cpu", "minutes=2"]
    config = compose(*line)
    assert config["trainer"]["max_epochs"] == 3
    assert config["optimizer"]["lr"] == 0.5
    assert config["minutes"] == 2
    assert config["trainer"]["accelerator"] == "cpu"


@pytest.mark.parametrize(
    ("line", "epochs", "minutes"),
    [
        ("recipe=best", 30, None),
        ("recipe=best trainer=cpu", 30, None),
        ("recipe=fast", 10, 10),
        ("", 10, None),
    ],
)
def test_how_long_they_are(line: str, epochs: int, minutes: int | None) -> None:
    config = composing.compose(CONF, "train", line.split())
    assert (config.trainer.max_epochs, config.minutes) == (epochs, minutes)


@pytest.mark.parametrize("command", ["find_lr", "look"])
@pytest.mark.parametrize("model", sorted(path.stem for path in (CONF / "model").glob("*.yaml")))
def test_what_a_model_chooses_of_a_training_is_no_option_of_other_commands(model: str, command: str) -> None:
    config = composing.compose(CONF, command, [f"model={model}"])
    assert not {"scheduler", "average", "recipe"} & set(config)
    assert ("optimizer" in config) is (command == "find_lr")
    assert set(Command(CONF, command).choices) <= set(config)
