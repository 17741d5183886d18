"""Threshold of confidence below which a net abstains, with what it comes to on validation images."""

from __future__ import annotations

import logging
import math
from typing import Any

import numpy as np

from pellucid.engine.evaluation import evaluation
from pellucid.engine.loaded_run import LoadedRun
from pellucid.engine.temperature import Temperature
from pellucid.errors import UserError, counted, first_line
from pellucid.metrics.predictions import Predictions
from pellucid.metrics.selective import Selection, guaranteed_threshold, least_guaranteed, select
from pellucid.system.number_text import number

log = logging.getLogger(__name__)

SOURCE = "SGR, Geifman and El-Yaniv 2017"


def check_threshold(threshold: float | str, risk: float, classes: int) -> None:
    """Raise UserError for a threshold below which no image could be, or that none could reach."""
    if classes < 2:
        raise UserError(
            f"threshold={threshold}: the run has one class, which is always certain. Leave it out."
        )
    if threshold == "auto":
        if not 0 < risk < 1:
            raise UserError(f"risk={risk}: expected more than 0 and less than 1, such as 0.05 for 5 %.")
    elif isinstance(threshold, str) or not 1 / classes <= threshold < 1:
        raise UserError(
            f"threshold={threshold}: expected {number(1 / classes)} up to below 1, or auto: the likeliest of "
            f"{classes} classes has at least 1/{classes}."
        )


def choose_threshold(
    trained: LoadedRun,
    threshold: float | str,
    *,
    risk: float,
    tta: str = "none",
    temperature: Temperature | None = None,
) -> Selection | None:
    """That threshold and what it comes to on the run's validation images; ``auto``: one whose selective risk
    is guaranteed to be at most ``risk``, with 95 % confidence.

    None where these images cannot be read, which is told, and the threshold is given. Raises UserError.
    """
    try:
        data = trained.data()
    except UserError as error:
        if threshold == "auto":
            raise UserError(
                "threshold=auto is chosen on the run's validation images, which cannot be read: "
                f"{first_line(error).rstrip('.')}. Give a number."
            ) from error
        log.warning(
            "Coverage and risk at threshold=%s are not known, as the run's validation images cannot be "
            "read: %s",
            *(threshold, first_line(error)),
        )
        return None
    value = 1.0 if temperature is None else temperature.temperature
    predictions = evaluation(trained, data, "val", tta=tta, temperature=value).predictions
    return _selection(predictions, threshold, risk)


def _selection(predictions: Predictions, threshold: float | str, risk: float) -> Selection:
    confidence_N, right_N = predictions.confidence.double().numpy(), predictions.right().numpy()
    if bad := int((~np.isfinite(confidence_N)).sum()):
        raise UserError(
            f"threshold={threshold}: {bad:,} of {counted(len(confidence_N), 'validation image')} get a "
            "confidence that is no number, as the training has failed; another checkpoint=… may do."
        )
    if not isinstance(threshold, str):
        return select(confidence_N, right_N, threshold)
    chosen = guaranteed_threshold(confidence_N, right_N, risk)
    if chosen is None:
        least = math.ceil(1e4 * least_guaranteed(confidence_N, right_N, risk)) / 1e4
        raise UserError(
            f"threshold=auto risk={risk}: {counted(len(confidence_N), 'validation image')} cannot show "
            f"that of any threshold that was tried; risk={least:.4f} is the least that they can. Allow so "
            "much, or train with a larger data.val_fraction."
        )
    return chosen


def told(chosen: Selection, temperature: Temperature | None) -> str:
    """Threshold, coverage and risk in a sentence or two."""
    of = "uncalibrated confidences" if temperature is None else f"calibrated confidences ({temperature.text})"
    text = (
        f"Threshold {chosen.threshold:.4f} of {of}: on {counted(chosen.images, 'validation image')} coverage "
        f"{_percent(chosen.coverage)} ({chosen.answered:,} images)"
    )
    if chosen.interval is None:
        return f"{text}, none is so sure."
    low, high = chosen.interval
    text += (
        f", risk {_percent(chosen.risk)} ({chosen.wrong:,} wrong; 95 % interval {_percent(low)} to "
        f"{_percent(high)})."
    )
    if chosen.guaranteed is None:
        return text
    bound = f"at most {_percent(chosen.guaranteed)} of answers on other images like these are wrong"
    return f"{text} With 95 % confidence {bound} ({SOURCE})."


def facts(chosen: Selection) -> dict[str, Any]:
    """The same in plain containers."""
    return {
        "threshold": chosen.threshold,
        "validation_images": chosen.images,
        "coverage": chosen.coverage,
        "risk": chosen.risk if chosen.answered else None,
        "risk_interval": chosen.interval,
        "guaranteed_risk": chosen.guaranteed,
    }


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
