"""The configuration of a run that is continued: its own, with another budget or device."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

from pellucid.config.build import flatten
from pellucid.config.check import check_targets, kind_problem
from pellucid.config.command_line import CommandLine, assignment
from pellucid.config.compose import compose
from pellucid.config.keys import takes
from pellucid.config.trust import check_writers, own_packages, packages_option
from pellucid.errors import UserError, counted, did_you_mean, typed
from pellucid.run.folder import Run

BUDGETS = {"trainer.max_epochs", "trainer.max_steps", "trainer.max_time"}
DEVICES = {"trainer.accelerator", "trainer.devices", "trainer.strategy"}
FREE = {"device_images": 0.0, "report": True, "share": 0.1}  # and a value of the right kind
PATHS = {"data.path", "data.root", "data.cache"}  # where the same images are now
OF_LINE = {"resume", "packages"}


def with_weights_of_run(line: CommandLine) -> CommandLine:
    """The line with the folder of the run that ``weights`` means by its name, by last or as the newest in a
    folder; as it is where it means none.
    """
    value = line.value("weights")
    path = Path(value) if isinstance(value, str) else None
    if path is None or path.is_file():
        return line
    is_name = path.parent == Path.cwd() and not path.exists()
    try:
        folder = Run.open(path.name if is_name else path).folder
    except UserError:
        return line
    return replace(line, overrides=[*line.overrides, assignment("weights", str(folder))])


def resumed_config(run: Run, line: CommandLine, conf: Path) -> dict[str, Any] | None:
    """The run's configuration with the line's budget and devices; None where it has finished.

    Raises UserError, with the list, where the line changes anything else.
    """
    if links := [path for path in (run.checkpoints, run.folder / "figures") if path.is_symlink()]:
        raise UserError(f"{links[0]} is a link, which may lead anywhere. Put the folder in its place.")
    config = {**run.config(), "packages": own_packages(line, conf)}
    changed = _changed(run, config, line, conf)
    check_writers(changed, line, conf)
    if problems := check_targets(changed):
        raise UserError("\n".join(problems.values()))
    metrics = run.metrics()
    epochs, budget = metrics.get("epochs", 0), changed["trainer"]["max_epochs"]
    if metrics.get("status") == "finished" and budget is not None and epochs >= budget:
        print(
            f"This run has finished its {counted(epochs, 'epoch')}. To train on: {typed('train')} "
            f"resume={run.folder} trainer.max_epochs={epochs + 10}{packages_option(config['packages'])}"
        )
        return None
    period = (changed.get("scheduler") or {}).get("T_max")
    if period is not None and budget is not None and budget > period:
        print(
            f"Note: scheduler.T_max stays {period}, so the learning rate climbs again after epoch {period}."
        )
    return changed


def _changed(run: Run, config: dict[str, Any], line: CommandLine, conf: Path) -> dict[str, Any]:
    """The run's configuration with what the line may change in it. Raises UserError for the rest."""
    changed, choices, refused = copy.deepcopy(config), run.choices(), []
    for override in line.parsed():
        key, value = override.key_or_group, override.value()
        if (
            key not in OF_LINE | choices.keys() | BUDGETS | DEVICES | FREE.keys()
            and _get(config, key) is None
            and not takes(config, key)
        ):
            hint = did_you_mean(key, [*BUDGETS, *DEVICES, *flatten(config)])
            raise UserError(f"{key}: the run has no such option.{hint}")
        group, _, option = key.partition(".")
        if key in OF_LINE or (key in choices and choices[key] == value):
            continue
        if key == "trainer" and isinstance(value, str):
            trainer = compose(conf, "train", [f"trainer={value}"])["trainer"]
            changed["trainer"] |= {name: trainer[name] for name in ("accelerator", "devices", "strategy")}
        elif key in FREE:
            if expected := kind_problem(key, value, FREE[key]):
                raise UserError(f"{key}: expected {expected}, got {value!r}.")
            changed[key] = value
        elif key in BUDGETS | DEVICES or (key in PATHS and isinstance(value, str)):
            changed[group][option] = value
        elif key in choices or _get(config, key) != value:
            refused.append(f"{key}={value} (the run has {_told(config, choices, key)})")
    if refused:
        raise UserError(
            f"resume={run.folder}: a run is continued with its own configuration; only budgets "
            f"({', '.join(sorted(BUDGETS))}), devices and the place of the data (data.root, "
            f"data.path) may change. Refused: {'; '.join(refused)}. Start a new run for that."
        )
    return changed


def _told(config: dict[str, Any], choices: dict[str, str], key: str) -> Any:
    owner, _, name = key.rpartition(".")
    if owner and name not in _get(config, owner):
        return "left it to its class"
    return choices.get(key, _get(config, key))


def _get(config: dict[str, Any], key: str) -> Any:
    node: Any = config
    for part in key.split("."):
        node = node.get(part) if isinstance(node, dict) else None
    return node
