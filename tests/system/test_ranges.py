"""Ranges of options: their ends, lists, and what is no number."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pellucid.errors import UserError
from pellucid.system.ranges import RANGES, Range, check_range, range_problem


@pytest.mark.parametrize(
    ("ends", "inside"),
    [("[]", (0, 0.5, 1)), ("[)", (0, 0.5)), ("(]", (0.5, 1)), ("()", (0.5,))],
)
def test_the_ends(ends: str, inside: tuple[float, ...]) -> None:
    found = Range(0, 1, ends, "")
    assert [value for value in (-0.1, 0, 0.5, 1, 1.1, math.nan, math.inf) if value in found] == list(inside)


@pytest.mark.parametrize("value", [None, "auto", True, "${x}", [], ["a", None]])
def test_what_is_no_number_is_told_elsewhere(value: object) -> None:
    assert all(range_problem(option, value) == "" for option in RANGES)


def test_one_of_several() -> None:
    assert range_problem("optimizer.betas", [0.9, 0.99]) == ""
    assert range_problem("optimizer.betas", (0.9, 1)) == (
        "optimizer.betas=[0.9,1]: expected decays, each 0 to below 1."
    )


@pytest.mark.parametrize("value", [1, np.float32(1), "much", [0.5]])
def test_a_constructor_says_the_same_and_takes_numbers_alone(value: object) -> None:
    for right in (0.5, np.float32(0.5), None):
        check_range("average.decay", right)
    with pytest.raises(UserError, match=r"^average\.decay=.*: expected 0 to below 1\.$"):
        check_range("average.decay", value)


def test_what_is_expected_is_part_of_a_sentence() -> None:
    assert not [option for option, found in RANGES.items() if found.expected.endswith(".")]
    assert all(found.least < found.most for found in RANGES.values())
