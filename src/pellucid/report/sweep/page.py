"""The report of a sweep: one HTML page that opens from disk, without server or network, and a CSV table.

Its text, style and scripts are files beside this one and ``page.css`` and ``page.js`` of all pages.
"""

from __future__ import annotations

import csv
import io
import json
import math
import statistics
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

from pellucid.errors import encodable
from pellucid.report.html import as_json, beside, embedded, link, template

Repeat = Literal["seed", "split", "fold"]
State = Literal["finished", "pruned", "failed", "running", "waiting"]
STATES: tuple[State, ...] = ("finished", "pruned", "failed", "running", "waiting")
SCRIPTS = (
    "numbers",
    "page",
    "light",
    "frame",
    "space",
    "lines",
    "seeds",
    "best",
    "table",
    "start",
)  # in this order
CURVE_DIGITS = 6  # more cannot be seen in a picture, and would double the page's size


@dataclass(frozen=True)
class SearchAxis:
    """A parameter of the search space: ``choices`` of a categorical one, or the ends of a range."""

    name: str
    choices: tuple[Any, ...] | None
    low: float | None
    high: float | None
    log: bool


@dataclass(frozen=True)
class TrialRecord:
    """One configuration.

    ``value`` is the metric's mean over its runs, of a pruned trial what it had reached; ``seeds`` has it by
    seed, or fold, for runs that have finished; ``tests`` has the figures of each, ``test`` their means;
    ``curves`` (epoch, metric) pairs by run. ``folder`` and ``page`` are POSIX paths relative to the report's
    file. ``error`` is the traceback's last line, ``command`` repeats the trial as a single run.
    """

    number: int
    state: State
    parameters: dict[str, Any]
    value: float | None
    seeds: dict[int, float]
    tests: dict[str, tuple[float, ...]]
    seconds: float | None
    curves: tuple[tuple[tuple[int, float], ...], ...]
    folder: str
    page: str | None
    error: str
    command: str

    @property
    def test(self) -> dict[str, float]:
        means = {name: mean(values) for name, values in self.tests.items()}
        return {name: value for name, value in means.items() if value is not None}


@dataclass(frozen=True)
class Sweep:
    """All trials so far. ``total`` is how many it is to have, ``seeds`` how many runs each of them.

    The runs of a trial differ in their seed, or the split or fold of the data that they are tested on:
    ``repeat``. None of them is chosen; of a trial their mean is.

    ``importance`` has fractions of 1 by parameter, and is empty while unknown; ``description`` short facts
    for the page's head; ``command`` continues the sweep.
    """

    name: str
    metric: str
    direction: Literal["maximize", "minimize"]
    total: int
    seeds: int
    parameters: tuple[SearchAxis, ...]
    trials: tuple[TrialRecord, ...]
    importance: dict[str, float]
    description: dict[str, str]
    command: str
    repeat: Repeat = "seed"

    def best(self) -> TrialRecord | None:
        """The best finished trial whose value is a finite number, of equal ones the earliest."""
        return next(iter(self.ranked()), None)

    def ranked(self) -> list[TrialRecord]:
        """The finished trials whose value is a finite number, the best first, of equal ones the earliest."""
        sign = {"maximize": -1, "minimize": 1}[self.direction]
        ranked = [
            (sign * trial.value, trial.number, trial)
            for trial in self.trials
            if trial.state == "finished" and trial.value is not None and math.isfinite(trial.value)
        ]
        return [trial for _, _, trial in sorted(ranked, key=lambda entry: entry[:2])]

    def interval(self, values: Collection[float]) -> float | None:
        """Half the 95 % interval of a mean over seeds; None over folds and splits, which share images."""
        from pellucid.metrics.intervals import mean_interval  # numpy, and scipy behind it

        return mean_interval(values) if self.repeat == "seed" else None


def page(sweep: Sweep) -> str:
    """One self-contained HTML document."""
    counts = {state: sum(trial.state == state for trial in sweep.trials) for state in STATES}
    counts["waiting"] += max(0, sweep.total - len(sweep.trials))  # those not even drawn yet
    text = template("sweep/page.html").render(
        sweep=sweep,
        counts=counts,
        better="higher" if sweep.direction == "maximize" else "lower",
        best=sweep.best(),
        trials=[(trial, link(trial.folder, "/")) for trial in _by_number(sweep)],
        style=beside("page.css") + beside("sweep/page.css"),
        script="\n".join(map(beside, ("page.js", *(f"sweep/{name}.js" for name in SCRIPTS)))),
        data=embedded(_data(sweep)),
    )
    return encodable(text)


def table(sweep: Sweep) -> str:
    """CSV after RFC 4180, a row for each trial by number; write it to a file with ``newline=""``.

    Of ``n`` runs ``std`` is the sample's standard deviation, ``ci95`` half the 95 % interval of the mean over
    seeds. Parameters stand there as on the command line (true, null); what a trial lacks is an empty field.
    """
    searched = [parameter.name for parameter in sweep.parameters]
    tested = list(dict.fromkeys(name for trial in _by_number(sweep) for name in trial.test))
    kinds = [] if sweep.seeds < 2 else ["std"] if sweep.repeat != "seed" else ["std", "ci95"]
    deviations = [f"{sweep.metric} {kind}" for kind in kinds]
    spread = [f"{name} {kind}" for kind in kinds for name in tested]
    measures = {"std": deviation, "ci95": sweep.interval}
    file = io.StringIO()
    writer = csv.writer(file)
    names = [sweep.metric, *deviations, *searched, *tested, *spread, *(["n"] if kinds else [])]
    writer.writerow(["number", "state", *names, "seconds", "folder", "error"])
    for trial in _by_number(sweep):
        figures = [trial.value, *(measures[kind](trial.seeds.values()) for kind in kinds)]
        options = [_option(trial.parameters[name]) if name in trial.parameters else "" for name in searched]
        tests = [trial.test.get(name) for name in tested]
        tests += [measures[kind](trial.tests.get(name, ())) for kind in kinds for name in tested]
        if kinds:
            tests.append(len(trial.seeds))
        writer.writerow(
            [trial.number, trial.state, *figures, *options, *tests, trial.seconds, trial.folder, trial.error]
        )
    return encodable(file.getvalue())


def _by_number(sweep: Sweep) -> list[TrialRecord]:
    return sorted(sweep.trials, key=lambda trial: trial.number)


def _option(value: Any) -> Any:
    return json.dumps(value) if value is None or isinstance(value, bool) else value


def mean(values: Collection[float]) -> float | None:
    """The mean over runs; None of none, NaN where they are infinite both ways."""
    try:
        return statistics.fmean(values) if values else None
    except ValueError:  # inf - inf
        return math.nan


def deviation(values: Collection[float]) -> float | None:
    """Sample standard deviation over runs; None for fewer than two, or one that is not a number."""
    if len(values) < 2 or not all(map(math.isfinite, values)):
        return None
    return statistics.stdev(values)


def _data(sweep: Sweep) -> dict[str, Any]:
    """What the page draws: the sweep's fields and what follows from them, all of it fit for JSON."""
    best = sweep.best()
    fields = {name: value for name, value in vars(sweep).items() if name not in ("parameters", "trials")}
    return {
        **as_json(fields),
        "parameters": [as_json(vars(parameter)) for parameter in sweep.parameters],
        "trials": [_trial(sweep, trial) for trial in _by_number(sweep)],
        "best": None if best is None else best.number,
    }


def _trial(sweep: Sweep, trial: TrialRecord) -> dict[str, Any]:
    fields = {name: value for name, value in vars(trial).items() if name != "curves"}
    return {
        **as_json(fields),
        "curves": [[[epoch, _rounded(value)] for epoch, value in curve] for curve in trial.curves],
        "deviation": deviation(trial.seeds.values()),
        "interval": sweep.interval(trial.seeds.values()),
        "test": as_json(trial.test),
        "testDeviations": {name: deviation(values) for name, values in trial.tests.items()},
        "testIntervals": {name: sweep.interval(values) for name, values in trial.tests.items()},
        "folderLink": link(trial.folder, "/"),
        "pageLink": None if trial.page is None else link(trial.page),
    }


def _rounded(value: float) -> float | None:
    return float(f"{value:.{CURVE_DIGITS}g}") if math.isfinite(value) else None
