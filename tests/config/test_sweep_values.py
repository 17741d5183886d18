"""What a sweep's override stands for, by hand."""

from __future__ import annotations

from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from pellucid.config.sweep_values import each_value, single_value, sweep_values

GROUPS = {"model": ["cnn", "dnn", "xai"]}


def parsed(*texts: str) -> list[Any]:
    return list(OverridesParser.create().parse_overrides(list(texts)))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a=1,b,'c d'", [1, "b", "c d"]),
        ("a=range(1,7,3)", [1, 4]),
        ("a=interval(0.1,2)", [0.1, 2.0]),
        ("model=glob(*nn)", ["cnn", "dnn"]),
        ("a=[1,2]", [[1, 2]]),
    ],
)
def test_the_values_that_it_stands_for(text: str, values: list[Any]) -> None:
    assert sweep_values(parsed(text)[0], GROUPS) == values


def test_all_first_values_then_each_other_in_its_place() -> None:
    lines = [[value for _, value in line] for line in each_value(parsed("a=1,2,3", "b=4", "c=5,6"), GROUPS)]
    assert lines == [[1, 4, 5], [2, 4, 5], [3, 4, 5], [1, 4, 6]]


def test_one_value_as_text() -> None:
    sweep, plain, removed = parsed("a=1,2", "b=3", "~c")
    assert [single_value(sweep, 2), single_value(plain, 3), single_value(removed, None)] == [
        "a=2",
        "b=3",
        "~c",
    ]
    assert single_value(plain, 3, force=True) == "++b=3"
