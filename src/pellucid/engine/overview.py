"""What a training begins with, on a few lines: the choice of each config group and the options that tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Row = tuple[str, str, str]  # the group, its choice, options

GROUPS = (
    "model",
    "data",
    "task",
    "optimizer",
    "scheduler",
    "average",
    "trainer",
    "callbacks",
    "explainer",
    "logger",
)
PRESETS = ("recipe", "experiment", "debug")
OPTIONAL = ("average",)  # told where there is one
SHORT = ("optimizer", "scheduler", "average")  # of which every option is told
ALWAYS = ("data.batch_size", "trainer.max_epochs", "seed")


def overview(config: Mapping[str, Any], choices: Mapping[str, str], written: Sequence[str]) -> list[Row]:
    """A row for each config group, and a last one for options of none.

    ``choices`` are by group, those that are not known are told by their class; ``written`` are options that
    somebody has set, which are told beside the usual.
    """
    rows = [
        (group, _choice(config.get(group), choices.get(group)), _options(group, config, written))
        for group in GROUPS
        if group not in OPTIONAL or config.get(group)
    ]
    rows += [(group, choices[group], "") for group in PRESETS if choices.get(group)]
    apart = {*GROUPS, *PRESETS, "sweep", "name"}
    keys = [key for key in dict.fromkeys([*ALWAYS, *written]) if key in config and key not in apart]
    return [*rows, ("run", config.get("name") or "", " ".join(f"{key}={_text(config[key])}" for key in keys))]


def _choice(node: Any, choice: str | None) -> str:
    if choice or not node:
        return choice or "none"
    target = node.get("_target_")
    return str(target).rpartition(".")[2] if target else ",".join(node)


def _options(group: str, config: Mapping[str, Any], written: Sequence[str]) -> str:
    """``key=value`` of what is told of a group, without its name; ``~name`` of what was left out."""
    told = [
        f"{key}={_text(value)}"
        for key, value in _values(config.get(group) or {})
        if key.rpartition(".")[2] not in ("_target_", "_partial_")
        and (group in SHORT or f"{group}.{key}" in ALWAYS or _is_of(f"{group}.{key}", written))
    ]
    left_out = f"~{group}."
    return " ".join(
        [*told, *(f"~{key.removeprefix(left_out)}" for key in written if key.startswith(left_out))]
    )


def _is_of(key: str, written: Sequence[str]) -> bool:
    return any("." in name and f"{key}.".startswith(f"{name}.") for name in written)


def _values(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, Mapping) and value:
            yield from _values(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _text(value: Any) -> str:
    """As it is written on a line."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value).replace(", ", ",") if isinstance(value, list) else str(value)
