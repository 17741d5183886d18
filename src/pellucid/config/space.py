"""The space that a sweep searches, from the overrides of its line. Neither torch nor Optuna is imported."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, IntervalSweep, Override, RangeSweep
from hydra.errors import HydraException

from pellucid.config.compose import in_quotes

if TYPE_CHECKING:
    from optuna.trial import Trial

Scalar = str | int | float | bool | None
SEEDS = ("seed", "data.seed")  # options that repeat a trial, and are not chosen among


@dataclass(frozen=True)
class Parameter:
    """A searched parameter: one option with several values.

    A list has ``values``, an interval ``low`` and ``high``, a range both. Both ends belong to it.
    ``key`` is as on the line, ``+optimizer.weight_decay``.
    """

    key: str
    values: tuple[Scalar, ...] | None = None
    texts: tuple[str, ...] = ()  # of the values, as on the line
    low: float | None = None
    high: float | None = None
    step: float | None = None
    log: bool = False

    @property
    def name(self) -> str:
        return self.key.lstrip("+")

    def suggest(self, trial: Trial) -> Scalar:
        """The trial's value: drawn by its sampler, or the one that it has already."""
        if self.low is None or self.high is None:
            assert self.values is not None
            return trial.suggest_categorical(self.name, self.values)
        if isinstance(self.low, int):
            step = int(self.step or 1)
            return trial.suggest_int(self.name, self.low, int(self.high), step=step, log=self.log)
        return trial.suggest_float(self.name, self.low, self.high, step=self.step, log=self.log)

    def to_dict(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return]

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Parameter:
        values = None if stored["values"] is None else tuple(stored["values"])
        return cls(**{**stored, "values": values, "texts": tuple(stored["texts"])})

    def override(self, value: Scalar) -> str:
        """``key=value`` for one run."""
        if self.values is not None and value in self.values:
            return f"{self.key}={self.texts[self.values.index(value)]}"
        return f"{self.key}={value!r}"

    def __str__(self) -> str:
        if self.low is None or self.values is not None:
            text = f"choice({','.join(self.texts)})"
        else:
            text = f"interval({self.low!r},{self.high!r})"
        return f"tag(log,{text})" if self.log else text


def read_space(overrides: Iterable[Override], groups: Mapping[str, list[str]]) -> tuple[Parameter, ...]:
    """The search space: a parameter for each override with several values; of a key's two the last."""
    space: dict[str, Parameter] = {}
    for override in overrides:
        space.pop(override.key_or_group, None)
        if override.is_sweep_override():
            space[override.key_or_group] = _parameter(override, groups)
    return tuple(space.values())


def searched(space: tuple[Parameter, ...]) -> tuple[Parameter, ...]:
    """The parameters that are chosen among: all but the seeds, which repeat a trial."""
    return tuple(parameter for parameter in space if parameter.name not in SEEDS)


def combinations(space: tuple[Parameter, ...]) -> Iterator[dict[str, Scalar]]:
    """The grid of all values, the last parameter changing fastest."""
    names = [parameter.name for parameter in space]
    for values in itertools.product(*(parameter.values or () for parameter in space)):
        yield dict(zip(names, values, strict=True))


def space_problems(space: tuple[Parameter, ...], *, sampled: bool) -> Iterator[str]:
    """Problems of a search space, one line each; ``sampled``: by a sampler, not every combination."""
    if sampled and not space:
        yield (
            "There is nothing to search: give an option several values, e.g. optimizer.lr=1e-3,1e-2 or "
            "'optimizer.lr=tag(log,interval(1e-4,1e-1))'."
        )
    for parameter in space:
        name = parameter.name
        if name.split(".")[0].split("/")[0] in ("sweep", "hydra"):
            yield f"{name}: an option of the sweep itself takes one value."
        yield from _twice(parameter)
        if parameter.low is None or parameter.high is None:
            if parameter.log:
                yield f"{name}: tag(log,…) is for an interval or a range, not for a list of values."
            continue
        if not math.isfinite(parameter.low) or not math.isfinite(parameter.high):
            yield f"{name}={parameter}: both ends must be finite numbers."
        if not sampled and parameter.values is None:
            yield (
                f"{name}={parameter}: an interval has no end of values. List some, or choose "
                "a sampler: sweep=tpe, sweep=random."
            )
        if parameter.low > parameter.high:
            yield f"{name}={parameter}: its low end {parameter.low} is above its high end {parameter.high}."
        if parameter.log and parameter.low <= 0:
            yield f"{name}={parameter}: a logarithmic scale needs a low end above 0, got {parameter.low}."
        if parameter.log and parameter.step not in (None, 1):
            yield f"{name}={parameter}: a logarithmic range takes no step; use an interval."


def _twice(parameter: Parameter) -> Iterator[str]:
    values = parameter.values or ()
    if twice := [value for index, value in enumerate(values) if value in values[:index]]:
        yield f"{parameter.name}: the value {twice[0]} stands there twice."


def option_problems(options: Mapping[str, Any], space: tuple[Parameter, ...]) -> Iterator[str]:
    """Problems of the sweep's own options, one line each."""
    repeating = [parameter for parameter in space if parameter.name in SEEDS]
    names = ["sweep.seeds"] * (options["seeds"] != 1) + [parameter.name for parameter in repeating]
    if len(names) > 1:
        yield f"{' and '.join(names)} both repeat a trial; leave one of the two out."
    for parameter in repeating:
        yield from _twice(parameter)
        if not all(type(value) is int for value in parameter.values or (None,)):
            yield (
                f"{parameter.name}={parameter}: seeds repeat a trial, and none is chosen. List them: "
                f"{parameter.name}=0,1,2."
            )
    for key, minimum, alternative in (
        *(("trials", 1, "null" if options["sampler"] is None else ""), ("seeds", 1, ""), ("retries", 0, "")),
        *(("max_failures", 1, "null"), ("workers", 1, "auto"), ("threads", 1, "auto"), ("folds", 2, "null")),
    ):
        value = options.get(key)  # the configuration of an older sweep has no folds
        if alternative and value == {"null": None, "auto": "auto"}[alternative]:
            continue
        if type(value) is not int or value < minimum:
            choice = f" or {alternative}" if alternative else ""
            yield f"sweep.{key}: expected a whole number of at least {minimum}{choice}, got {value!r}."
    if options["direction"] not in ("auto", "maximize", "minimize"):
        yield f"sweep.direction: expected auto, maximize or minimize, got {options['direction']!r}."
    if not isinstance(options["fail_fast"], bool):
        yield f"sweep.fail_fast: expected true or false, got {options['fail_fast']!r}."
    metric = options["metric"]
    if metric != "auto" and not str(metric).startswith("val/"):
        yield (
            f"sweep.metric={metric}: choose on validation, by a metric such as val/accuracy or val/loss. "
            "The test images report what was chosen."
        )
    name = options["name"]
    if name is not None and (str(name) in (".", "..", "") or set(str(name)) & set("/\\")):
        yield f"sweep.name={name}: expected a plain name, that of a folder in outputs/sweeps."


def _parameter(override: Override, groups: Mapping[str, list[str]]) -> Parameter:
    key, value = override.get_key_element(), override._value
    if isinstance(value, IntervalSweep):
        assert value.start is not None
        assert value.end is not None
        return Parameter(key=key, low=value.start, high=value.end, log="log" in value.tags)
    if isinstance(value, RangeSweep):
        numbers = tuple(_rounded(number) for number in value.range())
        ends = {"low": min(numbers), "high": max(numbers), "step": abs(value.step)} if numbers else {}
        texts = tuple(repr(number) for number in numbers)
        return Parameter(key=key, values=numbers, texts=texts, log="log" in value.tags, **ends)
    if isinstance(value, Glob):  # over the choices of a group
        elements = list(value.filter(groups.get(override.key_or_group, [])))
    else:
        elements = list(value.list)  # type: ignore[union-attr]
    return Parameter(
        key=key,
        values=tuple(_scalar(element) for element in elements),
        texts=tuple(_text(element) for element in elements),
        log="log" in getattr(value, "tags", ()),
    )


def _rounded(number: float) -> float:
    """Without the last bits that a sum of steps leaves: 0.3 for 0.30000000000000004."""
    return number if isinstance(number, int) else float(f"{number:.12g}")


def _text(element: Any) -> str:
    """How the value stands on a line; ``choice(…)`` takes the quotes away that a text may need."""
    text = Override._get_value_element_as_str(element)
    if not isinstance(element, str):
        return text
    try:
        if OverridesParser.create().parse_override(f"key={text}").value() == element:
            return text
    except HydraException:
        pass
    return in_quotes(element)


def _scalar(element: Any) -> Scalar:
    """What Optuna can keep: numbers, truth values, texts; lists and mappings as on the line."""
    if element is None or isinstance(element, bool | int | float | str):
        return element
    text = getattr(element, "text", None)  # of a quoted text
    return text if isinstance(text, str) else Override._get_value_element_as_str(element)
