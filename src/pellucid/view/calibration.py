"""Whether a classifier is right as often as it is confident."""

from __future__ import annotations

from pellucid.metrics import calibration as metrics
from pellucid.metrics.predictions import Predictions


def calibration(predictions: Predictions) -> metrics.Calibration:
    """Bins of confidence with their accuracy and its intervals, and the expected calibration error."""
    return metrics.calibration(predictions.confidence.numpy(), predictions.right().numpy())
