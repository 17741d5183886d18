"""How often a classifier is wrong when it answers only where it is sure."""

from __future__ import annotations

from pellucid.metrics import selective
from pellucid.metrics.predictions import Predictions


def risk_coverage(predictions: Predictions) -> selective.RiskCoverage:
    """Selective risk at every coverage, and the area under that curve."""
    return selective.risk_coverage(predictions.confidence.double().numpy(), predictions.right().numpy())
