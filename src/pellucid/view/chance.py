"""In words: a net that ends at what guessing gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pellucid.errors import counted
from pellucid.metrics.chance import class_chance, correlates, label_chance
from pellucid.metrics.predictions import Predictions
from pellucid.view.numbers import numbers

NOTHING = "maps of this net mean nothing"


def chance(
    predictions: Predictions, names: Sequence[str], metrics: Mapping[str, float], *, split: str
) -> str:
    """A sentence about a net whose predictions of a ``split`` are not better than guessing; "" for others.

    ``metrics`` of that split by name; ``names`` of classes, labels or numbers.
    """
    if not len(predictions):
        return ""
    if predictions.has_classes:
        return _of_classes(predictions, names, split)
    if predictions.has_labels:
        return _of_labels(predictions, metrics, split)
    return _of_numbers(predictions, names, split) if predictions.has_numbers else ""


def _of_classes(predictions: Predictions, names: Sequence[str], split: str) -> str:
    known = predictions.labels_N >= 0
    if not bool(known.any()):
        return ""
    found = class_chance(predictions.predicted[known].numpy(), predictions.labels_N[known].numpy())
    if not found.is_chance:
        return ""
    share = f"{split}/accuracy {found.accuracy:.2f}"
    if found.only is not None:
        return f"{share} is what guessing gives: all images are called {names[found.only]}; {NOTHING}."
    if found.accuracy > found.majority:
        images = counted(found.images, "image")
        return f"{share} of {images} cannot be told from guessing, which gives {found.agreement:.2f}."
    commonest = f"{names[found.commonest]} alone, the commonest class, would give {found.majority:.2f}"
    return f"{share} is what guessing gives: {commonest}; {NOTHING}."


def _of_labels(predictions: Predictions, metrics: Mapping[str, float], split: str) -> str:
    found = label_chance(predictions.values["scores"].numpy(), predictions.targets.numpy())
    if found is None or found[0] > found[1]:
        return ""
    share = f"{split}/map {metrics['map']:.2f}" if "map" in metrics else f"The {split} score"
    return (
        f"{share} is what guessing gives: images with a label score no higher than those without it (mean "
        f"area under the ROC curve {found[0]:.2f}, by chance 0.50); {NOTHING}."
    )


def _of_numbers(predictions: Predictions, names: Sequence[str], split: str) -> str:
    found = numbers(predictions, names)
    r2_K = found.scores.r2_K[np.isfinite(found.scores.r2_K)]
    if not len(r2_K) or (r2_K > 0).any():
        return ""
    value = f"{r2_K.mean():.2f}".replace("-", "−")
    means = ", ".join(f"{mean:.4g}" for mean in found.true_NK.mean(axis=0)[:3].tolist()).replace("-", "−")
    mean = f"the mean of the true numbers, {means}{', …' if len(names) > 3 else ''},"
    if correlates(found.predicted_NK, found.true_NK):
        return f"{split}/r2 {value}: {mean} is nearer, though what is predicted rises with the truth."
    return f"{split}/r2 {value} is what guessing gives: {mean} is as near for every image; {NOTHING}."
