"""Sweep overrides: the values that one stands for, each in its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hydra.core.override_parser.types import (
    ChoiceSweep,
    Glob,
    IntervalSweep,
    Override,
    QuotedString,
    RangeSweep,
)


def sweep_values(override: Override, groups: Mapping[str, list[str]]) -> list[Any]:
    """Values that an override stands for; the two ends of an interval."""
    value = override._value
    if isinstance(value, ChoiceSweep):
        return [_unquoted(item) for item in value.list]
    if isinstance(value, RangeSweep):
        return list(value.range())
    if isinstance(value, IntervalSweep):
        return [value.start, value.end]
    if isinstance(value, Glob):
        return list(value.filter(groups.get(override.key_or_group, [])))
    return [override.value()]


def _unquoted(value: Any) -> Any:
    return value.text if isinstance(value, QuotedString) else value


def each_value(
    overrides: list[Override], groups: Mapping[str, list[str]]
) -> Iterator[list[tuple[Override, Any]]]:
    """All first values together, then each further value of a sweep in its place."""
    values = [sweep_values(override, groups) for override in overrides]
    start = [(override, items[0]) for override, items in zip(overrides, values, strict=True)]
    yield start
    for index, override in enumerate(overrides):
        for value in values[index][1:]:
            yield [*start[:index], (override, value), *start[index + 1 :]]


def single_value(override: Override, value: Any, *, force: bool = False) -> str:
    """The override with that one value, as text; ``force`` sets it whether it was there or not."""
    if override.is_delete() or not (override.is_sweep_override() or force):
        return str(override.input_line)
    if override.is_sweep_override():
        text = Override._get_value_element_as_str(value)
    else:
        text = override.get_value_element_as_str()
    key = override.key_or_group
    return f"++{key}={text}" if force and not key.startswith("hydra.") else f"{key}={text}"
