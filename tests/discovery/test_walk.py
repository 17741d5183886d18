"""Objects that an object holds."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from pellucid.discovery.walk import MAX_OBJECTS, reachable


class Needle:
    def method(self) -> None: ...


def closure(held: Any) -> Callable[[], Any]:
    return lambda: held


def test_attributes_lists_closures_and_partial_calls_are_followed() -> None:
    needle = Needle()
    holders = [
        SimpleNamespace(transform=needle),
        SimpleNamespace(transforms=[1, "text", (needle,)]),
        {"transform": {"of": needle}},
        closure(needle),
        functools.partial(print, needle),
        functools.partial(print, key=needle),
        needle.method,
        closure([SimpleNamespace(deep=closure(needle))]),
        {needle},
    ]
    for holder in holders:
        assert needle in list(reachable(holder)), holder


def test_each_is_given_once_and_the_nearest_first() -> None:
    needle = Needle()
    near, far = SimpleNamespace(needle=needle), SimpleNamespace(of=SimpleNamespace(needle=needle))
    found = list(reachable(far, near))
    assert found[:2] == [far, near]
    assert found.count(needle) == 1
    near.itself = near
    assert len(list(reachable(near))) == 2


def test_numbers_texts_and_arrays_are_left_out() -> None:
    held = SimpleNamespace(number=1, text="a", weights=torch.ones(3), kind=int, nothing=None)
    assert list(reachable(held)) == [held]


def test_a_module_is_not_left_upwards() -> None:
    module = nn.Module()
    object.__setattr__(module, "_trainer", SimpleNamespace(needle=Needle()))
    assert not [found for found in reachable(module) if isinstance(found, Needle)]


def test_it_ends_where_there_is_much() -> None:
    files = [SimpleNamespace(name=str(number)) for number in range(5000)]
    assert len(list(reachable(files))) == 65
    chain = SimpleNamespace()
    for _ in range(2 * MAX_OBJECTS):
        chain = SimpleNamespace(next=chain)
    assert len(list(reachable(chain))) == MAX_OBJECTS


def test_a_name_that_is_not_bound_yet_is_passed_over() -> None:
    def ask() -> Any:
        return later

    assert list(reachable(ask)) == [ask]
    later = Needle()
    assert list(reachable(ask)) == [ask, later]
