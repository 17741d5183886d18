"""The definition of a sweep: kept in its ``sweep.json``, the same whenever the sweep is continued."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any

from pellucid.config.build import flatten
from pellucid.config.space import Parameter
from pellucid.errors import UserError
from pellucid.sweep.journal import without_password
from pellucid.sweep.plan import Plan

PACKAGES = ("pellucid", "torch", "torchvision", "lightning", "optuna")  # whose versions must agree
# Options of the sweep that decide what comes out of it; the others may change when it is continued.
DECIDING = ("seeds", "metric", "direction", "sampler", "pruner")


def definition(plan: Plan) -> dict[str, Any]:
    """The plan as plain values, its options flat."""
    searched = {parameter.name for parameter in plan.space}
    options = flatten({key: value for key, value in plan.config.items() if key != "sweep"})
    deciding = {key: plan.options[key] for key in DECIDING}
    if plan.options["folds"]:  # which older sweeps knew nothing of
        deciding["folds"] = plan.options["folds"]
    if plan.ablation:
        deciding["ablation"] = True
    following = tuple(range(plan.config["seed"], plan.config["seed"] + deciding["seeds"]))
    usual = plan.repeat == "fold" or (plan.repeat == "seed" and plan.repeat_values in ((), following))
    if not usual:  # which older sweeps knew nothing of, either
        deciding |= {"repeat": plan.repeat, "values": ",".join(map(str, plan.repeat_values))}
    storage = plan.options["storage"]
    return {
        "space": {parameter.key: parameter.to_dict() for parameter in plan.space},
        "options": {key: value for key, value in options.items() if key not in searched},
        "sweep": flatten({**deciding, "metric": plan.metric, "direction": plan.direction}),
        "command": plan.line,
        "fixed": list(plan.fixed),
        "storage": without_password(storage) if storage else None,
        "versions": {name: version(name) for name in PACKAGES},
        "python": platform.python_version(),
    }


def check_same(before: Mapping[str, Any], now: Mapping[str, Any], name: str) -> None:
    """Raise UserError where a sweep of that name was defined otherwise ``before``."""
    if changed := "\n".join(f"  {line}" for line in _changes(before, now)):
        raise UserError(
            f"sweep.name={name}: that sweep was begun otherwise:\n{changed}\nIts line was: "
            f"{before['command']}\nContinue it with that one, or choose another sweep.name."
        )
    versions = [
        f"{package} {before['versions'].get(package)} before, {installed} here"
        for package, installed in now["versions"].items()
        if str(before["versions"].get(package)).split("+")[0] != installed.split("+")[0]
    ]
    if versions:
        raise UserError(
            f"sweep.name={name}: its trials were made by other versions ({'; '.join(versions)}), "
            "so they could not be compared. Install those versions, or choose another sweep.name."
        )
    if before["storage"] != now["storage"]:
        storage, requested = (side["storage"] or "its own journal" for side in (before, now))
        raise UserError(
            f"sweep.name={name}: its trials are in {storage}, but sweep.storage says {requested}. "
            "Use the one it was begun with."
        )


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """One line for each entry that differs."""
    searched = {key.lstrip("+") for key in (*before["space"], *now["space"])}
    for part in ("space", "options", "sweep"):
        olds, news = before.get(part, {}), now.get(part, {})
        for key in sorted({*olds, *news}):
            # Of a group that is searched, the options are those of one choice or another.
            if part == "options" and any(key == name or key.startswith(f"{name}.") for name in searched):
                continue
            old, new = olds.get(key, "nothing"), news.get(key, "nothing")
            if part == "space":
                old, new = (v if isinstance(v, str) else str(Parameter.from_dict(v)) for v in (old, new))
            if old != new and not (old != old and new != new):
                yield f"{'sweep.' if part == 'sweep' else ''}{key}: {old} before, {new} now"
