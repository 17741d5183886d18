"""What test-time augmentation and a temperature have changed, printed and in plain containers."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pellucid.engine.adjusted import Adjusted
from pellucid.engine.intervals import interval_notes, to_dict
from pellucid.errors import counted
from pellucid.system.console import console
from pellucid.system.number_text import metric, number

log = logging.getLogger(__name__)


def adjusted_facts(added: Adjusted) -> dict[str, Any]:
    """Entries of an evaluation's ``metrics.json``, whose ``metrics`` are those with both.

    ``plain_metrics``: without either. ``gains``: what ``tta`` alone adds to each, with intervals.
    """
    found: dict[str, Any] = {"tta": added.tta, "plain_metrics": dict(added.plain.metrics)}
    if added.tta != "none":
        intervals = to_dict(added.gain_intervals)
        found |= {"gains": added.gains}
        found |= {f"gain_{name}": value for name, value in intervals.items()}
    if added.temperature is not None:
        found["temperature"] = asdict(added.temperature)
        found["calibration"] = _calibration(added)
    return found


def adjusted_row(added: Adjusted, split: str) -> dict[str, Any]:
    """What an evaluation's row has besides: ``test/accuracy/flip`` with its gain over ``test/accuracy``;
    ``temperature``, and ``test/nll`` and ``test/ece`` before and after.
    """
    row: dict[str, Any] = {}
    if added.tta != "none":
        intervals = added.gain_intervals
        for name, gain in added.gains.items():
            key = f"{split}/{name}/{added.tta}"
            row |= {key: added.uncalibrated.metrics[name], f"{key}/gain": gain}
            row[f"{key}/gain_interval"] = intervals[name].ends
    if added.temperature is not None:
        row["temperature"] = added.temperature.temperature
        for name, values in _calibration(added).items():
            row |= {f"{split}/{name}/{when}": value for when, value in values.items()}
    return row


def _calibration(added: Adjusted) -> Mapping[str, Mapping[str, float]]:
    assert added.before is not None
    assert added.after is not None
    return {
        name: {"before": getattr(added.before, name), "after": getattr(added.after, name)}
        for name in ("nll", "ece")
    }


def captions(added: Adjusted) -> tuple[str, str]:
    """Of the calibration diagrams before and after."""
    assert added.before is not None
    assert added.after is not None
    assert added.temperature is not None
    heads = ("uncalibrated", added.temperature.text)
    return tuple(  # type: ignore[return-value]
        f"{head}: calibration error {each.ece:.3f}, NLL {each.nll:.3f}"
        for head, each in zip(heads, (added.before, added.after), strict=True)
    )


def print_adjusted(added: Adjusted, split: str) -> None:
    """A table of what ``tta`` changes, and one of what the temperature does."""
    images = counted(len(added.plain.predictions), f"{split} image")
    if added.tta != "none":
        intervals = added.gain_intervals
        columns = ("", "plain", f"tta={added.tta}", "difference", "95 % interval")
        table = console.table(f"With tta={added.tta} on {images}", columns, left=("",), no_wrap=True)
        for name, gain in added.gains.items():
            ends = intervals[name].ends
            table.add_row(
                name,
                metric(added.plain.metrics[name]),
                metric(added.uncalibrated.metrics[name]),
                _signed(gain),
                " to ".join(map(_signed, ends)) if ends else "none",
            )
        console.print_table(table)
        for line in interval_notes(*to_dict(intervals).values()):
            log.info("Difference in %s", line)
    if added.temperature is None:
        return
    found = added.temperature
    heads = ("", "uncalibrated", found.text)
    table = console.table(f"Calibration on {images}", heads, left=("",), no_wrap=True)
    names = {"nll": "negative log-likelihood", "ece": "calibration error (ECE)"}
    for name, values in _calibration(added).items():
        table.add_row(names[name], *map(metric, values.values()))
    console.print_table(table)
    log.info(
        "Temperature %s, fitted on %s of epoch %d: NLL %s, before %s. Kept with the run, where %s.",
        *(number(found.temperature, digits=4), counted(found.images, "validation image"), found.epoch),
        *(metric(found.after.nll), metric(found.before.nll)),
        "predict, explain and export take it" if added.tta == "none" else f"predict tta={added.tta} takes it",
    )
    if split == found.split:
        log.warning("The temperature was fitted on these very images: how well it does is seen on test.")


def _signed(value: float) -> str:
    return metric(value, sign="+").replace("-", "−")
