"""Other data for a run that has been trained: its own with changes, or another data set."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pellucid.config.check import check_targets
from pellucid.config.command_line import CommandLine, check
from pellucid.config.compose import compose, container
from pellucid.errors import UserError, did_you_mean


def split_data(line: CommandLine) -> tuple[CommandLine, CommandLine]:
    """The line without what it says of ``data``, and that alone."""
    said = {o.input_line for o in line.parsed() if o.key_or_group.lstrip("+").split(".")[0] == "data"}
    rest, data = (
        CommandLine(
            options=line.options,
            overrides=[text for text in line.overrides if (text in said) is wanted],
            multirun=line.multirun,
            show_only=line.show_only,
            config_dir=line.config_dir,
        )
        for wanted in (False, True)
    )
    return rest, data


def changed_data(config: Mapping[str, Any], *, line: CommandLine, conf: Path) -> dict[str, Any]:
    """The configuration of a run's data as the line, split off before, changes it.

    ``data=<choice>`` starts from that choice, ``data.root=…`` alone from the run's own. Raises UserError.
    """
    overrides = line.parsed()
    if any(override.key_or_group == "data" for override in overrides):
        check(line, conf=conf, name="train")
        chosen: dict[str, Any] = container(compose(conf, "train", line.overrides))["data"]
        return chosen
    changed = copy.deepcopy(dict(config["data"]))
    for override in overrides:
        name = override.key_or_group.partition(".")[2]
        if name not in changed:
            hint = did_you_mean(name, changed)
            raise UserError(f"{override.key_or_group}: the run's data have no such option.{hint}")
        changed[name] = override.value()
    problems = check_targets({"data": changed})
    if problems:
        raise UserError("\n".join(problems.values()))
    return changed
