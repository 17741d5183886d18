"""Other data for a run that has been trained: its own with changes, or another data set."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pellucid.config.check import check_targets
from pellucid.config.command import DataOverride
from pellucid.config.command_line import CommandLine
from pellucid.config.compose import container
from pellucid.config.keys import takes
from pellucid.config.line_check import check, compose_line
from pellucid.errors import UserError, did_you_mean


def split_off(line: CommandLine, name: str) -> tuple[CommandLine, CommandLine]:
    """The line without what it says of ``name``, of which Hydra has a config group, and that alone."""
    of_name = {
        override.input_line
        for override in line.parsed()
        if override.key_or_group == name or (name == "data" and override.key_or_group.startswith("data."))
    }
    rest, split = (
        replace(line, overrides=[text for text in line.overrides if (text in of_name) is selected])
        for selected in (False, True)
    )
    return rest, split


def read_data(line: CommandLine, conf: Path) -> dict[str, Any]:
    """What a line of ``data`` alone asks for, as ``override_data`` takes it. Raises UserError."""
    overrides = line.parsed()
    if any(override.key_or_group == "data" for override in overrides):
        check(line, conf=conf, name="train")
        data: dict[str, Any] = container(compose_line(line, conf))["data"]
        return data
    options = {override.key_or_group.partition(".")[2]: override.value() for override in overrides}
    if "_target_" in options:
        raise UserError("data._target_: of other data. Name them by data=<choice>.")
    return options


def override_data(options: Mapping[str, Any], override: DataOverride | None) -> dict[str, Any]:
    """The options of a run's data, those of ``override`` in their place. Raises UserError for others."""
    if override and "_target_" in override:
        return dict(override)
    changed = copy.deepcopy(dict(options))
    for name, value in (override or {}).items():
        if name not in changed and not takes({"data": changed}, f"data.{name}"):
            raise UserError(f"data.{name}: the run's data have no such option.{did_you_mean(name, changed)}")
        *outer, last = name.split(".")  # of a mapping, options.partition
        node = changed
        for part in outer:
            node[part] = node = dict(node.get(part) or {})
        node[last] = value
    if problems := check_targets({"data": changed}):
        raise UserError("\n".join(problems.values()))
    return changed
