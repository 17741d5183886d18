"""Predictions of images: the class of each and its confidence, or the likeliest classes.

Axes: B images, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from pellucid.inside.images import UNKNOWN, Images
from pellucid.inside.predictor import Predictor
from pellucid.metrics.predictions import Predictions


@dataclass(frozen=True)
class PredictedImages:
    """Names of the predicted and true classes of B images, and the probability of the predicted ones.

    Where a class is not known its name is empty, and ``right`` None.
    """

    predicted: Sequence[str]
    true: Sequence[str]
    confidence: Sequence[float]
    right: Sequence[bool | None]

    @property
    def captions(self) -> list[str]:
        """``cat 0.97`` and, in a line of its own where it is known, ``(dog)``."""
        values = zip(self.predicted, self.confidence, self.true, strict=True)
        return [
            f"{predicted} {confidence:.2f}" + (f"\n({true})" if true else "")
            for predicted, confidence, true in values
        ]


def name_classes(predictions: Predictions, classes: Sequence[str]) -> PredictedImages:
    """Predictions by the names of classes."""
    return PredictedImages(
        [classes[label] for label in predictions.predicted.tolist()],
        [classes[label] for label in predictions.labels_N.tolist()],
        predictions.confidence.tolist(),
        predictions.right().tolist(),
    )


def predict_images(predictor: Predictor, images: Images) -> PredictedImages:
    """What is predicted of images."""
    values = predictor.predictions(predictor.inputs(images.pixels_BCHW))
    classes = predictor.spec.classes
    return PredictedImages(
        [classes[label] for label in values["predicted"].tolist()],
        images.names,
        values["confidence"].tolist(),
        [
            None if label == UNKNOWN else predicted == label
            for predicted, label in zip(values["predicted"].tolist(), images.labels_B.tolist(), strict=True)
        ],
    )


def likeliest(probabilities_BK: Tensor, classes: Sequence[str], limit: int) -> list[list[tuple[str, float]]]:
    """Of each image at most so many classes with their probabilities, the likeliest first."""
    top = probabilities_BK.cpu().topk(min(limit, probabilities_BK.shape[1]))
    return [
        [(classes[label], probability) for label, probability in zip(labels, probabilities, strict=True)]
        for labels, probabilities in zip(top.indices.tolist(), top.values.tolist(), strict=True)
    ]
