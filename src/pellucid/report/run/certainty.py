"""Entries of the page's foot on how sure the net is: its temperature, and what was evaluated with tta."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pellucid.engine.loaded_run import LoadedRun
from pellucid.engine.temperature import load, weights_hash
from pellucid.errors import counted
from pellucid.system.files import read_json
from pellucid.system.number_text import metric, number


def certainty(trained: LoadedRun) -> dict[str, str]:
    """From the files of ``evaluate`` that are of this checkpoint; none where it was not called so."""
    found = {}
    kept = load(trained.folder)
    weights = weights_hash(trained.net) if kept else ""
    for each in kept:
        if each.weights == weights:
            name = "temperature" if each.tta == "none" else f"temperature, tta={each.tta}"
            on = counted(each.images, "validation image")
            found[name] = f"{number(each.temperature)}, fitted on {on} (figures above are without)"
    for path in sorted(
        (trained.folder / "evaluation").glob(f"{trained.checkpoint.stem}_test_*/metrics.json")
    ):
        found |= _evaluated(trained, path)
    return found


def _evaluated(trained: LoadedRun, path: Path) -> dict[str, str]:
    """What one evaluation says."""
    try:
        facts: dict[str, Any] = read_json(path)
        if (facts["checkpoint"], facts["epoch"]) != (trained.checkpoint.name, trained.epoch):
            return {}
        found = {}
        if facts["tta"] != "none":
            name = trained.task.monitor.partition("/")[2]
            name = name if name in facts["gains"] else "loss"
            gain, ends = facts["gains"][name], facts["gain_intervals"][name]
            between = " (95 % interval {} to {})".format(*map(_signed, ends)) if ends else ""
            found[f"test {name}, tta={facts['tta']}"] = (
                f"{metric(facts['plain_metrics'][name] + gain)}, {_signed(gain)}{between}"
            )
        if calibration := facts.get("calibration"):
            with_tta = "" if facts["tta"] == "none" else f", tta={facts['tta']}"
            for key, words in (("ece", "calibration error"), ("nll", "negative log-likelihood")):
                before, after = calibration[key]["before"], calibration[key]["after"]
                found[f"test {words}{with_tta}"] = f"{metric(after)}, {metric(before)} without temperature"
        return found
    except (OSError, ValueError, KeyError, TypeError):  # not written by us, or not to the end
        return {}


def _signed(value: float) -> str:
    return metric(value, sign="+").replace("-", "−")
