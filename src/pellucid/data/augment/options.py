"""Names of augmentations and the ranges of their options: what can be checked before torch is there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.errors import did_you_mean


@dataclass(frozen=True)
class Number:
    """The range of an option: a number, a whole one, or a pair of them, the lower first."""

    low: float
    high: float = math.inf
    open_low: bool = False  # whether the bounds themselves are out of it
    open_high: bool = False
    whole: bool = False
    pair: bool = False

    def problem(self, value: object) -> str:
        """What was expected, in words; the empty text where it fits."""
        if not self.pair:
            return "" if self._fits(value) else f"a {'whole ' * self.whole}number{self._range()}"
        if isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 2:
            low, high = value
            if self._fits(low) and self._fits(high) and low <= high:
                return ""
        return f"two numbers{self._range()}, the lower first, as [{_example(self)}]"

    def _fits(self, value: Any) -> bool:
        if type(value) not in ((int,) if self.whole else (int, float)) or not math.isfinite(value):
            return False
        above = self.low < value if self.open_low else self.low <= value
        return bool(above and (value < self.high if self.open_high else value <= self.high))

    def _range(self) -> str:
        first = f" above {self.low:g}" if self.open_low else f" from {self.low:g}"
        if math.isinf(self.high):
            return first if self.open_low else f", {self.low:g} or more"
        return f"{first} to {'below ' * self.open_high}{self.high:g}"


def _example(number: Number) -> str:
    low = number.low if not number.open_low else 0.2
    return f"{low:g},{1 if math.isinf(number.high) else number.high:g}"


PROBABILITY = Number(0, 1)
# The options of each operation, in the order of the configuration's file.
RANGES: dict[str, dict[str, Number]] = {
    "crop": {
        "scale": Number(0, 1, open_low=True, pair=True),
        "ratio": Number(0, open_low=True, pair=True),
    },
    "shift": {"share": Number(0, 0.5, open_low=True)},
    "flip": {"probability": PROBABILITY},
}
PRESETS: dict[str, tuple[str, ...]] = {
    "none": (),
    "shift_flip": ("shift", "flip"),
    "crop_flip": ("crop", "flip"),
}


def operation_names(augment: object) -> tuple[str, ...]:
    """The operations that an augmentation of sound name or list consists of."""
    if isinstance(augment, str):
        return PRESETS.get(augment, (augment,))
    assert isinstance(augment, Sequence)
    return tuple(augment)


def augment_problems(augment: object, prefix: str = "data.augment") -> list[str]:
    """Problems of the name or the list of an augmentation, a line each."""
    if isinstance(augment, str):
        known = [*PRESETS, *RANGES]
        if augment in known:
            return []
        return [
            f"{prefix}={augment}: expected one of {', '.join(known)}, or a list of operations, as "
            f"[crop,flip].{did_you_mean(augment, known)}"
        ]
    if not isinstance(augment, Sequence) or not all(isinstance(name, str) for name in augment):
        return [f"{prefix}: expected a name or a list of names, as [crop,flip], got {augment!r}."]
    problems = []
    for name in dict.fromkeys(augment):
        if name not in RANGES:
            inside = f" {name} is a name of its own, of no list." if name in PRESETS else ""
            problems.append(
                f"{prefix}: there is no operation '{name}'.{inside or did_you_mean(name, RANGES)} "
                f"Choices: {', '.join(RANGES)}."
            )
        elif augment.count(name) > 1:
            problems.append(f"{prefix}: {name} stands in it {augment.count(name)} times; once is enough.")
    if {"crop", "shift"} <= set(augment):
        problems.append(f"{prefix}: crop moves images as well; leave shift out.")
    return problems


def option_problems(name: str, options: Mapping[str, Any], prefix: str = "augment") -> list[str]:
    """Problems of an operation's options, a line each."""
    problems = []
    for key, value in options.items():
        if key not in RANGES[name]:
            hint = did_you_mean(key, RANGES[name])
            problems.append(
                f"{prefix}.{name}.{key}: there is no such option.{hint} It has {', '.join(RANGES[name])}."
            )
        elif expected := RANGES[name][key].problem(value):
            problems.append(f"{prefix}.{name}.{key}: expected {expected}, got {value!r}.")
    return problems


def all_option_problems(options: object, prefix: str = "augment") -> list[str]:
    """Problems of the options of several operations by their names, a line each."""
    if not isinstance(options, Mapping):
        return [f"{prefix}: expected operations with their options, got {options!r}."]
    problems = []
    for name, values in options.items():
        if name not in RANGES:
            problems.append(f"{prefix}.{name}: there is no such operation.{did_you_mean(str(name), RANGES)}")
        elif not isinstance(values, Mapping):
            problems.append(f"{prefix}.{name}: expected its options by name, got {values!r}.")
        else:
            problems += option_problems(name, values, prefix)
    return problems
