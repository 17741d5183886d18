"""What a sweep is: its space, its fixed options, and how it goes about it. Plain values that can be sent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pellucid.config.build import flatten
from pellucid.config.space import Parameter

Direction = Literal["maximize", "minimize"]
# Options of the sweep that decide what comes out of it; the others may change when it is continued.
DECIDING = ("seeds", "metric", "direction", "sampler", "pruner")


@dataclass(frozen=True)
class Plan:
    """``options`` is the configuration's ``sweep``; ``config`` that of one run, resolved.

    ``fixed`` are the overrides that all runs share; ``line`` is the command that continues the sweep.
    """

    folder: Path
    space: tuple[Parameter, ...]
    fixed: tuple[str, ...]
    config: Mapping[str, Any]
    options: Mapping[str, Any]
    metric: str
    direction: Direction
    packages: tuple[str, ...]
    line: str
    threads: int | None = None

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def sampled(self) -> bool:
        return self.options["sampler"] is not None

    @property
    def total(self) -> int:
        """How many trials the sweep has in the end."""
        wanted: int | None = self.options["trials"]
        if self.sampled:
            assert wanted is not None
            return wanted
        every = math.prod(len(parameter.values or ()) for parameter in self.space)
        return every if wanted is None else min(wanted, every)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of the runs of each trial."""
        first: int = self.config["seed"]
        return tuple(range(first, first + self.options["seeds"]))

    @property
    def max_failures(self) -> int | None:
        limit: int | None = 1 if self.options["fail_fast"] else self.options["max_failures"]
        return limit

    def definition(self) -> dict[str, Any]:
        """What must be the same whenever the sweep is continued, flat, as plain values."""
        swept = {parameter.name for parameter in self.space}
        fixed = {
            key: value
            for key, value in flatten({k: v for k, v in self.config.items() if k != "sweep"}).items()
            if key not in swept
        }
        deciding = {key: self.options[key] for key in DECIDING}
        deciding |= {"metric": self.metric, "direction": self.direction}
        return {
            "space": {parameter.key: parameter.to_dict() for parameter in self.space},
            "options": fixed,
            "sweep": flatten(deciding),
        }


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """One line for each entry of two definitions that differs."""
    found = []
    for part in ("space", "options", "sweep"):
        one, other = before.get(part, {}), now.get(part, {})
        for key in sorted({*one, *other}):
            if part == "options" and _swept(key, {*before["space"], *now["space"]}):
                continue
            old, new = one.get(key, "nothing"), other.get(key, "nothing")
            if part == "space":
                old, new = (v if isinstance(v, str) else str(Parameter.from_dict(v)) for v in (old, new))
            if old != new and not (old != old and new != new):
                found.append(f"{'sweep.' if part == 'sweep' else ''}{key}: {old} before, {new} now")
    return found


def _swept(key: str, space: set[str]) -> bool:
    """Whether an option belongs to a group that is searched, as ``model.dropout`` to ``model``."""
    return any(key == name or key.startswith(f"{name}.") for name in (s.lstrip("+") for s in space))
