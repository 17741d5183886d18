"""Comparison of two nets on the same images: a paired test, disagreements, similarity of their layers (CKA).

Axes: N images, M of them, P and Q layers of the two nets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pellucid.inside.images import Images
from pellucid.inside.predictor import Predictor
from pellucid.inside.representations import representations
from pellucid.metrics.intervals import paired_interval
from pellucid.metrics.predictions import Predictions
from pellucid.metrics.significance import mcnemar
from pellucid.metrics.similarity import alignment, gram


@dataclass(frozen=True)
class PairedTest:
    """Of ``images`` how many only the first or only the second net got right, or did the better by its loss.

    ``p``: of McNemar's exact test, or the sign test. ``both_right``: None without classes.
    """

    images: int
    only_first: int
    only_second: int
    p: float
    both_right: int | None

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the difference in accuracy, of the second less the first."""
        return paired_interval(self.only_first, self.only_second, self.images)


def paired_test(first: Predictions, second: Predictions) -> PairedTest:
    """Of two nets' predictions of the same images."""
    if first.has_classes:
        better = [predictions.right().numpy() for predictions in (first, second)]
        both_right = int((better[0] & better[1]).sum())
    else:
        losses = [predictions.values["loss"].numpy() for predictions in (first, second)]
        better, both_right = [losses[0] < losses[1], losses[1] < losses[0]], None
    only_first, only_second, p = mcnemar(*better)
    return PairedTest(len(first), only_first, only_second, p, both_right)


def disagreements(predictions: Sequence[Predictions]) -> Tensor:
    """Indices (M,) of images of which not all predict the same class, those of which all are surest first."""
    predicted_RN = torch.stack([each.predicted for each in predictions])
    index_M = torch.nonzero((predicted_RN != predicted_RN[0]).any(dim=0)).flatten()
    sure_M = torch.stack([each.confidence for each in predictions]).prod(dim=0)[index_M]
    return index_M[sure_M.argsort(descending=True, stable=True)]


def better_reconstructed(errors_N: np.ndarray, others_N: np.ndarray, count: int) -> Tensor:
    """Indices (M,) of at most ``count`` images whose errors are lower than the other net's, by most first."""
    gain_N = others_N - errors_N
    index_M = np.argsort(-gain_N, kind="stable")[:count]
    return torch.from_numpy(index_M[gain_N[index_M] > 0])


def layer_grams(
    predictor: Predictor, layers: Sequence[str], batches: Iterable[Images]
) -> dict[str, np.ndarray]:
    """Gram matrices (N, N) of those layers that give a tensor with a row an image."""
    inputs = (predictor.inputs(images.pixels_BCHW) for images in batches)
    outputs = representations(predictor.net, layers, inputs, predictor.run)
    return {name: gram(values_NP) for name, values_NP in outputs.items()}


def layer_similarity(first: Mapping[str, np.ndarray], second: Mapping[str, np.ndarray]) -> np.ndarray:
    """Debiased linear CKA (P, Q) of two nets' layers, by their gram matrices."""
    values = [[alignment(row, column) for column in second.values()] for row in first.values()]
    return np.array(values).reshape(len(first), len(second))
