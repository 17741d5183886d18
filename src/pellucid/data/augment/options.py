"""Names of augmentations and the ranges of their options: what can be checked before torch is there."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
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
    high = 1 if math.isinf(number.high) else number.high
    return f"{low:g},{high / 2 if number.open_high else high:g}"


PROBABILITY = Number(0, 1)
AUTO = "auto"  # what a data set chooses by itself
# The options of each operation, in the order of the configuration's file.
RANGES: dict[str, dict[str, Number]] = {
    "crop": {
        "scale": Number(0, 1, open_low=True, pair=True),
        "ratio": Number(0, open_low=True, pair=True),
    },
    "shift": {"share": Number(0, 0.5, open_low=True)},
    "flip": {"probability": PROBABILITY},
    "rotate": {"degrees": Number(0, 180, open_low=True)},
    "color": {
        **dict.fromkeys(("brightness", "contrast", "saturation"), Number(0, 2)),
        "hue": Number(0, 0.5),
        "probability": PROBABILITY,
    },
    "grey": {"probability": PROBABILITY},
    "blur": {"sigma": Number(0, 20, open_low=True, pair=True), "probability": PROBABILITY},
    "trivial": {"strength": Number(0, 1, open_low=True)},
    "rand": {"operations": Number(1, 14, whole=True), "magnitude": Number(0, 30, whole=True)},
    "erase": {
        "scale": Number(0, 1, open_low=True, open_high=True, pair=True),
        "ratio": Number(0, open_low=True, pair=True),
        "probability": PROBABILITY,
    },
}
PRESETS: dict[str, tuple[str, ...]] = {
    "none": (),
    "shift_flip": ("shift", "flip"),
    "crop_flip": ("crop", "flip"),
    "light": ("crop", "flip", "color"),
    "strong": ("crop", "flip", "trivial", "erase"),
}


def operation_names(augment: object) -> tuple[str, ...]:
    """The operations that an augmentation of sound name or list consists of."""
    if isinstance(augment, str):
        return PRESETS.get(augment, (augment,))
    assert isinstance(augment, Sequence)
    return tuple(augment)


def augment_problems(augment: object) -> list[str]:
    """Problems of the name or the list of an augmentation, a line each."""
    if isinstance(augment, str):
        known = [*PRESETS, *RANGES]
        if augment in known:
            return []
        return [
            f"data.augment={augment}: expected one of {', '.join(known)}, or a list of operations, as "
            f"[crop,flip].{did_you_mean(augment, known)}"
        ]
    if not isinstance(augment, Sequence) or not all(isinstance(name, str) for name in augment):
        return [f"data.augment: expected a name or a list of names, as [crop,flip], got {augment!r}."]
    problems = []
    for name in dict.fromkeys(augment):
        if name not in RANGES:
            inside = f" {name} is a name of its own, of no list." if name in PRESETS else ""
            problems.append(
                f"data.augment: there is no operation '{name}'.{inside or did_you_mean(name, RANGES)} "
                f"Choices: {', '.join(RANGES)}."
            )
        elif augment.count(name) > 1:
            problems.append(f"data.augment: {name} stands in it {augment.count(name)} times; once is enough.")
    if {"crop", "shift"} <= set(augment):
        problems.append("data.augment: crop moves images as well; leave shift out.")
    return problems


def option_problems(name: str, options: Mapping[str, Any]) -> dict[str, str]:
    """Problems of an operation's options, by their dotted keys."""
    problems = {}
    for key, value in options.items():
        where = f"augment.{name}.{key}"
        if key not in RANGES[name]:
            hint = did_you_mean(key, RANGES[name])
            problems[where] = f"{where}: there is no such option.{hint} It has {', '.join(RANGES[name])}."
        elif expected := RANGES[name][key].problem(value):
            problems[where] = f"{where}: expected {expected}, got {value!r}."
    return problems


def all_option_problems(options: object) -> dict[str, str]:
    """Problems of the options of several operations by their names, by their dotted keys."""
    if not isinstance(options, Mapping):
        return {"augment": f"augment: expected operations with their options, got {options!r}."}
    problems = {}
    for name, values in options.items():
        where = f"augment.{name}"
        if name not in RANGES:
            problems[where] = f"{where}: there is no such operation.{did_you_mean(str(name), RANGES)}"
        elif not isinstance(values, Mapping):
            problems[where] = f"{where}: expected its options by name, got {values!r}."
        else:
            problems |= option_problems(name, values)
    return problems


def line_problems(augment: object, options: object) -> dict[str, str]:
    """Problems of a training's ``data.augment`` and ``augment``, by their keys; what is not there is right.

    A data set may choose by itself: ``data.augment=auto``.
    """
    problems = {} if options is None else all_option_problems(options)
    if augment not in (None, AUTO) and (told := augment_problems(augment)):
        problems["data.augment"] = "\n".join(told)
    return problems


def moot_options(augment: object, written: Collection[str]) -> Iterator[str]:
    """Of the options that were ``written``, those of operations that the augmentation has not."""
    if augment in (None, AUTO) or augment_problems(augment):
        return
    names = operation_names(augment)
    for key in written:
        group, _, option = key.partition(".")
        name = option.partition(".")[0]
        if group == "augment" and name in RANGES and name not in names:
            has = augment if isinstance(augment, str) else f"[{','.join(names)}]"
            yield f"{key}: without effect, as data.augment={has} has no {name}. Leave it out, or add {name}."
