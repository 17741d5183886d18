"""In which options two configurations differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

NONE = "–"  # the option is not there


def differences(
    one: Mapping[str, Any], other: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, str, str]]:
    """Dotted names and both values, as text, of the options that are not the same.

    A whole room that only one has, such as a callback, is one entry, told by its class.
    """
    for key in dict.fromkeys((*one, *other)):
        left, right = one.get(key, NONE), other.get(key, NONE)
        if isinstance(left, Mapping) and isinstance(right, Mapping):
            yield from differences(left, right, f"{prefix}{key}.")
        elif left != right:
            yield f"{prefix}{key}", _text(left), _text(right)


def _text(value: Any) -> str:
    if not isinstance(value, Mapping):
        return str(value)
    target = value.get("_target_")
    return str(target).rpartition(".")[2] if target else f"{', '.join(map(str, value)) or 'none'}"
