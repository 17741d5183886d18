"""The configuration of a run that is continued: its own, with another budget or device."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from pellucid.config.build import flatten
from pellucid.config.check import check_targets, kind_problem
from pellucid.config.command_line import CommandLine
from pellucid.config.compose import compose
from pellucid.config.trust import check_writers, named, own_packages
from pellucid.errors import UserError, counted, did_you_mean
from pellucid.run.folder import Run

BUDGETS = {"trainer.max_epochs", "trainer.max_steps", "trainer.max_time"}
DEVICES = {"trainer.accelerator", "trainer.devices", "trainer.strategy"}
FREE = {"device_images": 0.0, "report": True}  # and a value of the right kind
PLACES = {"data.root", "data.cache"}  # where the same images are now


def resumed_config(run: Run, line: CommandLine, conf: Path) -> dict[str, Any] | None:
    """The run's configuration with the line's budget and devices; None where it has finished.

    Raises UserError, with the list, where the line changes anything else.
    """
    if links := [path for path in (run.checkpoints, run.folder / "figures") if path.is_symlink()]:
        raise UserError(f"{links[0]} is a link, which may lead anywhere. Put the folder in its place.")
    config = {**run.config(), "packages": own_packages(line, conf)}
    changed = copy.deepcopy(config)
    refused = []
    choices = run.choices()
    for override in line.parsed():
        key, value = override.key_or_group, override.value()
        if (
            key not in ("resume", "packages")
            and key not in choices
            and key not in BUDGETS | DEVICES | FREE.keys()
            and _get(config, key) is None
        ):
            hint = did_you_mean(key, [*BUDGETS, *DEVICES, *flatten(config)])
            raise UserError(f"{key}: the run has no such option.{hint}")
        if key in ("resume", "packages") or (key in choices and choices[key] == value):
            continue
        if key == "trainer" and isinstance(value, str):
            chosen = compose(conf, "train", [f"trainer={value}"])["trainer"]
            for name in DEVICES:
                _, part = name.split(".")
                changed["trainer"][part] = chosen[part]
        elif key in FREE:
            if expected := kind_problem(value, FREE[key]):
                raise UserError(f"{key}: expected {expected}, got {value!r}.")
            changed[key] = value
        elif key in PLACES and isinstance(value, str):
            changed["data"][key.split(".")[1]] = value
        elif key in BUDGETS | DEVICES:
            changed["trainer"][key.split(".")[1]] = value
        elif key in choices or _get(config, key) != value:
            before = choices.get(key, _get(config, key))
            refused.append(f"{key}={value} (the run has {before})")
    if refused:
        raise UserError(
            f"resume={run.folder}: a run is continued with its own configuration; only budgets "
            f"({', '.join(sorted(BUDGETS))}), devices and the place of the data (data.root) may change. "
            f"Refused: {'; '.join(refused)}. Start a new run for that."
        )
    check_writers(changed, line, conf)
    problems = check_targets(changed)
    if problems:
        raise UserError("\n".join(problems.values()))
    metrics = run.metrics()
    done, budget = metrics.get("epochs", 0), changed["trainer"]["max_epochs"]
    if metrics.get("status") == "finished" and budget is not None and done >= budget:
        print(
            f"This run has finished its {counted(done, 'epoch')}. To train on: python train.py "
            f"resume={run.folder} trainer.max_epochs={done + 10}{named(config['packages'])}"
        )
        return None
    period = (changed.get("scheduler") or {}).get("T_max")
    if period is not None and budget is not None and budget > period:
        print(
            f"Note: scheduler.T_max stays {period}, so the learning rate climbs again after epoch {period}."
        )
    return changed


def _get(config: dict[str, Any], key: str) -> Any:
    node: Any = config
    for part in key.split("."):
        node = node.get(part) if isinstance(node, dict) else None
    return node
