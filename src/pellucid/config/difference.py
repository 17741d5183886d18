"""In which options two configurations differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

NONE = "–"  # the option is not there
PARTIAL = "_partial_"  # which goes with the class


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
        elif values[0] != values[1] and key != PARTIAL:
            yield f"{prefix}{key}", _text(values[0]), _text(values[1])


def _text(value: Any) -> str:
    if not isinstance(value, Mapping):
        return str(value)
    target = value.get("_target_")
    if target:
        return str(target).rpartition(".")[2]
    parts = (
        str(name) if isinstance(part, Mapping) else f"{name}={part}"
        for name, part in value.items()
        if name != PARTIAL
    )
    return ", ".join(parts) or "none"
