"""Labels of items in any form, as classes, several labels or numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from pellucid.data.item_labels import check_kind, kind_of, label_of
from pellucid.data.items import ItemError
from pellucid.spec import CLASS, MULTILABEL, NUMBERS


@pytest.mark.parametrize(
    ("value", "label"),
    [(3, 3), (True, 1), (2.0, 2), (np.uint8(4), 4), (torch.tensor([[5]]), 5), ([6], 6), ("cat", "cat")],
)
def test_labels(value: Any, label: int | str) -> None:
    assert label_of(value) == label


@pytest.mark.parametrize("value", [None, 0.5, float("nan"), [1, 2], {"a": 1}, np.zeros(2), []])
def test_what_is_no_label(value: Any) -> None:
    with pytest.raises(ItemError, match=r"has (the|a) label"):
        label_of(value)


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        ([0, 3, 1], CLASS),
        ([0.0, 3.0], CLASS),
        (["cat", "dog"], CLASS),
        ([0.0, 0.5], NUMBERS),
        ([float("nan"), 0.5], NUMBERS),
        ([(1, 0, 0), (0, 0, 1)], CLASS),
        ([(1, 0, 0), (0, 0, 0)], MULTILABEL),
        ([(True, True), (False, True)], MULTILABEL),
        ([(1.0, 0.0), (2.0, 1.0)], NUMBERS),
        ([(1, 0), (1, 0, 1)], CLASS),
    ],
)
def test_what_labels_look_like(found: list[Any], kind: str) -> None:
    assert kind_of(found) == kind


def test_one_in_its_place_alone_is_a_class() -> None:
    assert label_of(torch.tensor([0, 0, 1, 0])) == 2
    with pytest.raises(ItemError, match=r"has a label of 3 numbers, \[1, 0, 1\].*data.labels=multilabel"):
        label_of([1, 0, 1])


def test_several_labels_and_numbers() -> None:
    assert label_of(np.array([[1], [0], [1]], np.uint8), MULTILABEL) == (1, 0, 1)
    assert label_of(torch.tensor([1.5, -2.0], dtype=torch.bfloat16), NUMBERS) == (1.5, -2.0)
    assert label_of(3, NUMBERS) == (3,)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ([0, 2], MULTILABEL),
        ("cat", MULTILABEL),
        ("cat", NUMBERS),
        ([0.5, float("nan")], NUMBERS),
        (float("inf"), NUMBERS),
    ],
)
def test_what_is_none_of_a_kind(value: Any, kind: str) -> None:
    with pytest.raises(ItemError, match=r"has the labels? .* Expected (0 or 1|finite numbers)"):
        label_of(value, kind)


def test_a_kind_that_there_is_not() -> None:
    check_kind("numbers")
    with pytest.raises(ValueError, match="expected auto, class, multilabel, numbers"):
        check_kind("regression")
