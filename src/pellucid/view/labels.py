"""How well each label is told, and whether its probabilities are right as often as they say."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.metrics import calibration as calibrations
from pellucid.metrics.labels import LabelScores, label_scores
from pellucid.metrics.predictions import Predictions


def labels(predictions: Predictions, names: Sequence[str]) -> LabelScores:
    """Average precision and F1 of each label of a multi-label classifier."""
    thresholds_K = predictions.thresholds_K
    return label_scores(
        predictions.values["scores"].numpy(),
        predictions.values["has"].numpy(),
        predictions.targets.numpy(),
        names,
        None if thresholds_K is None else thresholds_K.cpu().numpy(),
    )


def label_calibration(predictions: Predictions) -> calibrations.Calibration:
    """Bins of probability with the share of images that have the label, all labels pooled."""
    scores, has = predictions.values["scores"], predictions.targets
    return calibrations.calibration(scores.flatten().numpy(), has.flatten().numpy())
