"""Options of augmentations: what is wrong is told, all at once, without torch."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields

import pytest

from pellucid.data.augment.options import RANGES, all_option_problems, augment_problems
from pellucid.data.augment.pipeline import OPERATIONS


@pytest.mark.parametrize("name", RANGES)
def test_every_option_has_its_range(name: str) -> None:
    assert [field.name for field in fields(OPERATIONS[name])] == list(RANGES[name])


@pytest.mark.parametrize(
    ("augment", "expected"),
    [
        ("croop", "data.augment=croop: expected one of none, "),
        (["croop", "flip"], "data.augment: there is no operation 'croop'. Did you mean 'crop'?"),
        (["flip", "flip"], "data.augment: flip stands in it 2 times; once is enough."),
        (["none"], "data.augment: there is no operation 'none'. none is a name of its own, of no list."),
        (["crop", "shift"], "data.augment: crop moves images as well; leave shift out."),
        ([1], "data.augment: expected a name or a list of names, as [crop,flip], got [1]."),
        (None, "data.augment: expected a name or a list of names, as [crop,flip], got None."),
    ],
)
def test_a_wrong_augmentation_is_told(augment: object, expected: str) -> None:
    (problem,) = augment_problems(augment)
    assert problem.startswith(expected)


@pytest.mark.parametrize(
    ("name", "option", "value", "expected"),
    [
        (
            "crop",
            "scale",
            [0.2, 1.5],
            "two numbers above 0 to 1, the lower first, as [0.2,1], got [0.2, 1.5]",
        ),
        ("crop", "scale", [1.0, 0.2], "two numbers above 0 to 1"),
        ("crop", "scale", 0.5, "two numbers above 0 to 1"),
        ("crop", "ratio", [0, 1], "two numbers above 0, the lower first"),
        ("shift", "share", 0, "a number above 0 to 0.5, got 0."),
        ("shift", "share", float("nan"), "a number above 0 to 0.5, got nan."),
        ("flip", "probability", 1.1, "a number from 0 to 1, got 1.1."),
        ("flip", "probability", True, "a number from 0 to 1, got True."),
    ],
)
def test_an_option_out_of_its_range_is_told(name: str, option: str, value: object, expected: str) -> None:
    (problem,) = all_option_problems({name: {option: value}})
    assert problem.startswith(f"augment.{name}.{option}: expected {expected}")


def test_all_mistakes_are_told_at_once() -> None:
    told = all_option_problems({"crpo": {}, "crop": {"scael": [0.1, 1], "ratio": 1}, "flip": 3})
    assert told[0] == "augment.crpo: there is no such operation. Did you mean 'crop'?"
    assert told[1].startswith("augment.crop.scael: there is no such option. Did you mean 'scale'?")
    assert told[2].startswith("augment.crop.ratio: expected two numbers")
    assert told[3] == "augment.flip: expected its options by name, got 3."
    assert len(told) == 4


def test_checking_does_not_wait_for_torch() -> None:
    code = "import sys, pellucid.data.augment.options; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
