"""Single keys: is it there, may it be added, is its value of that kind."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from pellucid.config.keys import is_missing, is_reference, keys_of, mapping_problems, required_problems, takes
from tests.config.lines import accepted, problems


@pytest.mark.parametrize("group", ["callbacks", "explainer", "logger"])
def test_a_users_yaml_without_a_name_is_told(tmp_path: Path, group: str) -> None:
    (tmp_path / group).mkdir()
    (tmp_path / group / "nameless.yaml").write_text("_target_: mine.Own\nsize: 1\n")
    told = problems("--config-dir", str(tmp_path), f"{group}=nameless")
    assert told.startswith(f"{group}: mine.Own stands in its file without a name. Expected a name")
    assert "\n" not in told


def test_a_missing_run_is_told() -> None:
    assert "run: it must be given" in problems(name="evaluate")


CONFIG = OmegaConf.create({"a": {"b": 1, "c": "${a.b}", "d": None}, "e": None, "f": "${a}"})


@pytest.mark.parametrize(
    ("key", "missing"),
    [
        ("a", False),
        ("a.b", False),
        ("a.x", True),
        ("a.b.x", True),
        ("a.d", False),
        ("e", False),
        ("e.x", True),
        ("x", True),
    ],
)
def test_whether_a_key_is_there(key: str, missing: bool) -> None:
    assert is_missing(CONFIG, key) is missing


def test_whether_a_value_is_another_s() -> None:
    assert [is_reference(CONFIG, key) for key in ("a.b", "a.c", "a.x", "x.y")] == [False, True, False, False]


def test_all_keys_of_a_configuration() -> None:
    assert list(keys_of({"a": {"b": 1, "c": {"d": 2}}, "e": [{"f": 1}]})) == ["a", "a.b", "a.c", "a.c.d", "e"]


def test_what_is_no_class_among_things_by_name() -> None:
    sound = {"mine": {"_target_": "x.Y"}}
    assert list(mapping_problems({"callbacks": sound, "logger": None})) == []
    (problem,) = mapping_problems({"callbacks": {**sound, "odd": 3}})
    assert problem == "callbacks.odd: expected a _target_ and its options, got 3."


def test_what_must_be_given_is_told_once() -> None:
    config = {"run": "???", "model": {"_target_": "???"}, "seed": 0}
    told = list(required_problems(config, set()))
    assert [text.partition(":")[0] for text in told] == ["run", "model._target_"]
    assert list(required_problems(config, {"run", "model._target_"})) == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["+callbacks.mine.speed=2"], "callbacks.mine: expected a _target_ and its options"),
        (["+callbacks.mine._target_=x.Y", "+callbacks.mine.speed=2"], ""),
        (["+model.hidden=[3]"], "it is there already; write model.hidden=[3]"),
        (["packages=null"], "packages: expected a list, [a,b], got null."),
        (["model._partial_=true"], "model._partial_: not in the configuration; add it by +model._partial_"),
    ],
)
def test_keys_of_lines(line: list[str], said: str) -> None:
    if said:
        assert said in problems("model=dnn", *line)
    else:
        accepted("model=dnn", *line)


@pytest.mark.parametrize(
    "argv",
    [["+data.options.partition=2"], ["data.options.partition=2"], ["data.options={partition: 2}"]],
)
def test_further_arguments_may_be_added(argv: list[str]) -> None:
    accepted("data=torchvision", "data.name=DTD", *argv)


@pytest.mark.parametrize("key", ["data.options.partition", "data.more.partition", "data.options"])
def test_where_a_class_takes_none_they_are_refused(key: str) -> None:
    assert key in problems("data=digits", f"+{key}=2")


def test_what_an_option_that_is_a_mapping_holds_is_added() -> None:
    accepted("model=timm", "+model.options.depth=2", "model.options.embed_dim=48")


@pytest.mark.parametrize(
    "option",
    [
        "optimizer.weight_decay=1e-4",
        "scheduler.last_epoch=-1",
        "trainer.limit_train_batches=5",
        "logger.tensorboard.sub_dir=here",
        "callbacks.early_stopping.strict=false",
    ],
)
def test_what_the_constructor_takes_needs_no_plus(option: str) -> None:
    line = ("scheduler=cosine", "callbacks=early_stopping")
    for sign in ("", "+", "++"):
        accepted(*line, f"{sign}{option}")
    key = option.partition("=")[0]
    told = problems(*line, f"{key}s=1")
    assert told.startswith(f"{key}s: ")
    assert f"Did you mean '{key.rpartition('.')[2]}'?" in told
    assert "\n" not in told


@pytest.mark.parametrize(
    ("key", "taken"),
    [
        ("optimizer.weight_decay", True),
        ("optimizer.lr", True),
        ("optimizer.momentum", False),
        ("optimizer", False),
        ("data.options.partition", True),
        ("data.options.partition.more", True),
        ("data.root.partition", False),
        ("model.width", False),  # which **kwargs may take, or not
        ("seed", False),
    ],
)
def test_what_a_class_takes(key: str, taken: bool) -> None:
    nodes = {
        "optimizer": "torch.optim.Adam",
        "data": "pellucid.data.torchvision.Torchvision",
        "model": "timm.create_model",
    }
    config = {group: {"_target_": target} for group, target in nodes.items()}
    assert takes(config, key) is taken


def test_an_option_that_nothing_lists_needs_its_plus() -> None:
    net = ("model=own", "model._target_=timm.create_model", "model.model_name=resnet18")
    told = problems(*net, "model.wdith=4")
    assert told.startswith("model.wdith: not in the configuration, and create_model does not list all")
    assert told.endswith("If that is an option of it: +model.wdith=4")
    accepted(*net, "+model.wdith=4")
