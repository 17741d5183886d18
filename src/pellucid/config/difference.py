"""In which options two configurations differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

NONE = "–"  # the option is not there


def option_differences(
    left: Mapping[str, Any], right: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, str, str]]:
    """Differing options: dotted names and both values, as text.

    A whole config group entry that only one has, such as a callback, is one entry, told by its class.
    """
    for key in dict.fromkeys((*left, *right)):
        values = left.get(key, NONE), right.get(key, NONE)
        if isinstance(values[0], Mapping) and isinstance(values[1], Mapping):
            yield from option_differences(*values, f"{prefix}{key}.")
        elif values[0] != values[1]:
            yield f"{prefix}{key}", _text(values[0]), _text(values[1])


def _text(value: Any) -> str:
    if not isinstance(value, Mapping):
        return str(value)
    target = value.get("_target_")
    return str(target).rpartition(".")[2] if target else f"{', '.join(map(str, value)) or 'none'}"
