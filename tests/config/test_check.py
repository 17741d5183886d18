"""What values fit an annotation, and what is told of those that do not."""

from __future__ import annotations

import ast

import pytest

from pellucid.config.check import (
    check_targets,
    is_typed,
    kind_problem,
    range_problems,
    targets,
    type_problem,
)


@pytest.mark.parametrize(
    ("annotation", "value", "problem"),
    [
        ("int", 3, None),
        ("int", 3.0, "a whole number"),
        ("int", True, "a whole number"),
        ("float", 3, None),
        ("float", True, "a number"),
        ("bool", 1, "true or false"),
        ("str | None", None, None),
        ("str | None", 3, "a text or null"),
        ("Optional[int]", "x", "a whole number or null"),
        ("Union[int, str]", None, "a whole number or a text"),
        ("typing.Sequence[int]", [1, 2], None),
        ("Sequence[int]", [1, "a"], "a list, each a whole number"),
        ("str | Sequence[str] | None", [1], "a text or null or a list, each a text"),
        ("tuple[float, ...]", [1, 2.5], None),
        ("tuple[float, ...]", [True], "a list, each a number"),
        ("Literal['auto', 'none'] | int", "auto", None),
        ("Literal['auto', 'none'] | int", "x", "one of auto, none or a whole number"),
        ("Annotated[int, OnlyIf('a', 1, 'b')]", "x", "a whole number"),
        ("'int'", "x", "a whole number"),
        ("Mapping[str, Any]", [], "a mapping"),
        ("timedelta", 1, "a time such as 00:12:00:00 (days:hours:minutes:seconds)"),
        ("Whatever", "x", None),
        ("int | Whatever", "x", None),
        ("int", "???", "a value: it must be given"),
        ("int", {"_target_": "x.Y"}, None),
    ],
)
def test_what_an_annotation_accepts(annotation: str, value: object, problem: str | None) -> None:
    parsed = ast.parse(annotation, mode="eval").body
    assert type_problem(value, parsed) == problem
    assert is_typed(parsed) is ("Whatever" not in annotation)
    assert type_problem(value, None) == (problem if value == "???" else None)


@pytest.mark.parametrize(
    ("value", "default", "problem"),
    [
        (1, True, "true or false"),
        (True, 1, "a whole number"),
        (1.5, 1, "a whole number"),
        (1, 0.5, None),
        ("a", 0.5, "a number"),
        ("a", {}, "a mapping"),
        ("a", [], "a list, [a,b]"),
        ("${other}", 1, None),
        (3, "a", None),
        (3, None, None),
    ],
)
def test_what_stands_in_the_place_of_a_yamls_value(
    value: object, default: object, problem: str | None
) -> None:
    assert kind_problem("some.option", value, default) == problem


def test_a_number_that_may_be_none() -> None:
    assert kind_problem("share", None, 0.1) is None
    assert kind_problem("share", "much", 0.1) == "a number"
    assert kind_problem("keep_every", None, 0) == "a whole number"


def test_every_class_that_is_named_is_checked_wherever_it_stands() -> None:
    inner = {"_target_": "pellucid.model.cnn.CNN", "chanels": [1], "dropout": "x", "channels_last": True}
    config = {"a": {"_target_": "nowhere.Class", "b": [1, inner], "size": "any"}}
    assert [where for where, _ in targets(config)] == ["a", "a.b.1"]
    assert check_targets(config) == {
        "a.b.1.chanels": "a.b.1.chanels: CNN has no option 'chanels'. Did you mean 'channels'?",
        "a.b.1.dropout": "a.b.1.dropout: expected a number, got 'x'.",
    }


def test_a_net_of_ones_own_among_the_options_of_another_model_is_told_by_one_line() -> None:
    target = "torchvision.models.resnet18"
    problems = check_targets({"model": {"_target_": target, "channels": [1], "dropout": 0.1}})
    assert list(problems) == ["model"]
    assert problems["model"].endswith(f"chosen by model=own model._target_={target}")


def test_options_of_timms_builder_have_their_place() -> None:
    node = {"_target_": "pellucid.model.timm.TimmClassifier", "patch_size": 4, "in_chans": 3}
    problems = check_targets({"model": node})
    assert problems["model.patch_size"].endswith("is added by +model.options.patch_size=4")
    assert problems["model.in_chans"].endswith("The data's images set it; leave it out.")


@pytest.mark.parametrize("target", ["mine.Sgd", "torch.optim.SGD", "pellucid.optimizer.muon.Muon"])
def test_numbers_of_every_optimizer_have_a_range(target: str) -> None:
    node = {"_target_": target, "lr": -1, "groups": {"backbone": 2}}
    assert list(range_problems({"optimizer": node})) == [
        "optimizer.groups.backbone=2: expected a share of the learning rate, above 0 to 1.",
        "optimizer.lr=-1: expected a rate, 0 or more.",
    ]


def test_a_class_of_ones_own_says_what_its_numbers_may_be() -> None:
    node = {"warmup": 500, "repeats": 0}
    named = {group: {"_target_": "mine.Class", **node} for group in ("data", "scheduler", "task")}
    assert not list(range_problems(named))
    assert not list(range_problems({"optimizer": "adam", "share": None}))
    ours = {"scheduler": {"_target_": "pellucid.scheduler.linear.Linear", **node}, "share": -1}
    assert [problem.partition("=")[0] for problem in range_problems(ours)] == ["scheduler.warmup", "share"]
