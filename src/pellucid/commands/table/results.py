"""Results of runs by rows: means over seeds, their intervals, and which of them is told from the others."""

from __future__ import annotations

import logging
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.config.build import flatten
from pellucid.data.divide import DIVISION_OPTIONS
from pellucid.errors import UserError, did_you_mean
from pellucid.metrics.intervals import mean_interval
from pellucid.metrics.significance import holm, paired_t_test, welch_t_test
from pellucid.run.folder import Run

log = logging.getLogger(__name__)

STAGES = ("val", "test")
SECONDS = "seconds"  # of the training: no figure of a stage, and one column
LEVEL = 0.05  # of p, below which a difference counts
# Options that say which images there are, and in which split; and those that repeat a run.
OF_IMAGES = ("name", "split", "labels", "classes", "min_images", *DIVISION_OPTIONS)
REPEATING = ("seed", "data.seed", "data.fold")
# Options without a part in what is learned.
ASIDE = ("name", "resume", "report", "share", "keep_every", "device_images", "packages", "trainer.devices")
ASIDE_GROUPS = ("sweep", "callbacks", "logger", "explainer", "data.root", "data.path", "data.cache")
Key = tuple[str, str]  # stage and metric


@dataclass(frozen=True)
class Result:
    """A finished run: ``figures`` of validation and test by stage and metric, its options, dotted."""

    run: Run
    figures: Mapping[Key, float]
    options: Mapping[str, Any]
    fingerprint: str  # of images and splits

    @property
    def seeds(self) -> tuple[Any, ...]:
        return tuple(self.options.get(name) for name in REPEATING)


@dataclass(frozen=True)
class Spread:
    """Values over seeds: their mean, sample standard deviation, and half the 95 % interval of the mean."""

    values: tuple[float, ...]
    mean: float
    std: float | None
    half: float | None


@dataclass(frozen=True)
class Row:
    """Runs that are alike in what the table is by; ``labels`` are its values, as text."""

    labels: tuple[str, ...]
    results: tuple[Result, ...]
    spreads: Mapping[Key, Spread]


@dataclass(frozen=True)
class Results:
    """The rows of a table. ``higher``: of each metric whether that is better, where it is known.

    ``best``: the row of each column that is told from all others; ``left_out``: runs, and why.
    """

    by: tuple[str, ...]
    metrics: tuple[str, ...]
    rows: tuple[Row, ...]
    higher: Mapping[str, bool]
    best: Mapping[Key, int]
    left_out: Mapping[str, str]
    mixed: tuple[str, ...]  # what is odd of rows, in sentences
    notes: tuple[str, ...]

    @property
    def keys(self) -> list[Key]:
        """The columns with numbers."""
        return columns(self.metrics)


def columns(metrics: Sequence[str]) -> list[Key]:
    """The columns of metrics: validation and test of each; of the seconds that a training took one."""
    return [(stage, name) for name in metrics for stage in (STAGES if name != SECONDS else ("fit",))]


def read_result(run: Run, figures: Mapping[Key, float]) -> Result:
    """What a finished run's files say. Raises UserError for a damaged configuration.

    A config group's value is its choice, or its class where choices are not kept.
    """
    config, choices = run.config(), run.choices()
    classes = {
        group: str(node["_target_"]).rpartition(".")[2]
        for group, node in config.items()
        if isinstance(node, Mapping) and "_target_" in node
    }
    groups = {group: choice for group, choice in choices.items() if "/" not in group}
    options = {
        **classes,
        **groups,
        **flatten(config),
        "name": run.name(),
        "run": "/".join(run.folder.parts[-2:]),
    }
    metrics = run.metrics()
    if isinstance(seconds := metrics.get("seconds/fit"), int | float):
        figures = {**figures, ("fit", SECONDS): float(seconds)}
    return Result(run, figures, options, str(metrics.get("data/fingerprint", "")))


def main_metrics(results: Sequence[Result]) -> tuple[str, ...]:
    """The metrics that all have but the loss, which is one where there is no other."""
    common = [
        name
        for stage, name in results[0].figures
        if stage == "val" and all((stage, name) in result.figures for result in results)
    ]
    return tuple(name for name in common if name != "loss") or tuple(common)


def tabulate(
    results: Sequence[Result],
    by: Sequence[str],
    metrics: Sequence[str],
    higher: Mapping[str, bool],
    left_out: Mapping[str, str],
) -> Results:
    """Rows of the results by values of these options, in the order in which they come.

    Raises UserError for an option or a metric that they have not, and for one row of different data.
    """
    _check(results, by, metrics)
    groups: dict[tuple[str, ...], list[Result]] = {}
    for result in results:
        labels = tuple(str(result.options.get(key, "–")) or "–" for key in by)  # a run may have no name
        groups.setdefault(labels, []).append(result)
    left_out, rows = dict(left_out), []
    mixed: list[str] = []
    for labels, members in groups.items():
        kept = {_identity(member): member for member in sorted(members, key=_begun)}  # the newest of each
        left_out |= {
            str(member.run.folder): "the same configuration and seed as a newer one"
            for member in members
            if kept[_identity(member)] is not member
        }
        members = [member for member in members if kept[_identity(member)] is member]
        _check_images(by, labels, members)
        mixed += _mixed(by, labels, members)
        rows.append(Row(labels, tuple(members), _spreads(members, metrics)))
    mixed += _of_tasks(rows)
    best = {
        key: index
        for key in columns(metrics)
        if not mixed  # whose values are no samples of one thing
        and (index := _best(rows, key, higher.get(key[1]))) is not None
    }
    return Results(
        tuple(by),
        tuple(metrics),
        tuple(rows),
        dict(higher),
        best,
        left_out,
        tuple(mixed),
        tuple(_split_notes(rows)),
    )


def _check(results: Sequence[Result], by: Sequence[str], metrics: Sequence[str]) -> None:
    known = dict.fromkeys(key for result in results for key in result.options)
    for key in by:
        if key not in known:
            raise UserError(f"by={key}: these runs have no such option.{did_you_mean(key, known)}")
    names = dict.fromkeys(name for result in results for _, name in result.figures)
    for name in metrics:
        if name not in names:
            hint = did_you_mean(name, names) or f" They have: {', '.join(names)}."
            raise UserError(f"metrics={name}: these runs have no such metric.{hint}")


def _of_training(result: Result) -> dict[str, Any]:
    """The options that have a part in what is learned, but for its seeds."""
    return {
        key: value
        for key, value in result.options.items()
        if key not in (*ASIDE, *REPEATING, "run")
        and not any(key == group or key.startswith(f"{group}.") for group in ASIDE_GROUPS)
    }


def _identity(result: Result) -> tuple[Any, ...]:
    return (*result.seeds, *sorted(map(str, _of_training(result).items())))


def _begun(result: Result) -> float:
    return (result.run.folder / ".hydra" / "config.yaml").stat().st_mtime


def _differing(members: Sequence[Result]) -> list[str]:
    options = [_of_training(member) for member in members]
    keys = dict.fromkeys(key for each in options for key in each)
    return [key for key in keys if len({str(each.get(key)) for each in options}) > 1]


def _check_images(by: Sequence[str], labels: Sequence[str], members: Sequence[Result]) -> None:
    """Raise UserError where the mean would be over different data, or other shares of them."""
    of_images = {"data", "data._target_", *(f"data.{name}" for name in OF_IMAGES)} - set(REPEATING)
    if differing := [key for key in _differing(members) if key in of_images]:
        key = next((each for each in differing if each != "data._target_"), differing[0])
        values = ", ".join(dict.fromkeys(str(member.options.get(key)) for member in members))
        raise UserError(
            f"by={','.join(by)}: the row {', '.join(labels)} has runs of different images ({key}: {values}), "
            f"of which a mean says nothing. Give each a row: by=[{','.join((*by, key))}]."
        )


def _mixed(by: Sequence[str], labels: Sequence[str], members: Sequence[Result]) -> Iterator[str]:
    if differing := _differing(members):
        named = [key for key in differing if not key.endswith("_target_") and key not in by]
        few = ", ".join(named[:4]) + (", …" if len(named) > 4 else "")
        yield (
            f"The row {', '.join(labels)} is a mean over runs that differ in more than the seed: {few}. "
            f"Give each a row by=[{','.join((*by, named[0]))}], or name fewer runs."
            if named
            else f"The row {', '.join(labels)} is a mean over runs that differ in more than the seed."
        )


def _of_tasks(rows: Sequence[Row]) -> Iterator[str]:
    """What is told where the runs are of several tasks: a loss of one is no loss of another."""
    tasks = dict.fromkeys(str(result.options.get("task", "")) for row in rows for result in row.results)
    if len(tasks) > 1:
        yield f"The runs are of different tasks ({', '.join(tasks)}), whose metrics do not compare."


def _split_notes(rows: Sequence[Row]) -> Iterator[str]:
    if any(_only_divided(row.results) for row in rows):
        yield "Runs over folds or splits alone share their images, and have no interval."
    elif any(len({result.fingerprint for result in row.results}) > 1 for row in rows):
        yield (
            "Each seed has splits of its own, over which the intervals are too; as splits share images, they "
            "may be too narrow."
        )


def _only_divided(members: Sequence[Result]) -> bool:
    """Whether the runs are over folds, or over splits with one seed: no independent repetitions."""
    seeds, splits, folds = (len({m.options.get(name) for m in members}) for name in REPEATING)
    return folds > 1 or (splits > 1 and seeds == 1)


def _spreads(members: Sequence[Result], metrics: Sequence[str]) -> dict[Key, Spread]:
    divided = _only_divided(members)
    found = {}
    for key in columns(metrics):
        values = tuple(m.figures[key] for m in members if key in m.figures)
        if values:
            finite = len(values) > 1 and all(map(math.isfinite, values))
            std = statistics.stdev(values) if finite else None
            half = None if divided else mean_interval(values)
            found[key] = Spread(values, statistics.fmean(values), std, half)
    return found


def _best(rows: Sequence[Row], key: Key, higher: bool | None) -> int | None:
    """The row with the best mean, where a test tells it from each other row; None where it does not.

    Paired over seeds where both rows have the same seeds and splits, else Welch's; corrected by Holm.
    """
    spreads = [row.spreads.get(key) for row in rows]
    if higher is None or len(rows) < 2 or any(spread is None or spread.half is None for spread in spreads):
        return None
    means = [spread.mean if higher else -spread.mean for spread in spreads if spread]
    best = means.index(max(means))
    p = [_p(rows[best], row, key) for index, row in enumerate(rows) if index != best]
    return best if all(value < LEVEL for value in holm(p)) else None


def _p(first: Row, second: Row, key: Key) -> float:
    values = [{(r.seeds, r.fingerprint): r.figures[key] for r in row.results} for row in (first, second)]
    if values[0].keys() == values[1].keys():
        return paired_t_test([(values[0][seed], values[1][seed]) for seed in values[0]])
    return welch_t_test(list(values[0].values()), list(values[1].values()))
