"""Anomaly detection by reconstruction error: the worst images, and the AUROC of the error.

Axes: N images, B of a batch, H × W pixels, C channels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pellucid.errors import UserError, counted, did_you_mean
from pellucid.inside.predictor import Predictor
from pellucid.metrics.anomaly import HighestScores, Roc, roc


@dataclass(frozen=True)
class WorstImages:
    """Indices of the worst images, the worst first, and they themselves, (count, H, W, C) in [0, 1]."""

    index: list[int]
    originals_NHWC: np.ndarray
    reconstructions_NHWC: np.ndarray


@dataclass(frozen=True)
class Anomalies:
    """Reconstruction errors of N images, which of them are the anomaly, and the worst.

    ``classes``: the anomaly; () where none is named, ``roc`` is None then.
    """

    files: Sequence[str]
    names: Sequence[str]
    errors_N: np.ndarray
    anomalous_N: np.ndarray
    classes: tuple[str, ...]
    worst: WorstImages
    roc: Roc | None

    @property
    def ranks(self) -> list[int]:
        """Indices of all images, the worst first."""
        order: list[int] = np.argsort(-self.errors_N, kind="stable").tolist()
        return order


class AnomalyScorer:
    """Anomaly scores by reconstruction error, of which the ``count`` worst are kept.

    ``classes``: the anomaly, () where none is named.
    """

    def __init__(self, predictor: Predictor, count: int, classes: tuple[str, ...]) -> None:
        self.predictor, self.classes = predictor, classes
        self._worst = HighestScores(count)  # of originals and what became of them, (count, 2, C, H, W)

    def check(self, among: Sequence[str]) -> None:
        """Raise UserError for a class that is not among those."""
        for name in self.classes:
            if name not in among:
                raise UserError(
                    f"anomaly={name}: none of these images is of that class.{did_you_mean(name, among)} "
                    f"They are of {', '.join(among[:10])}{', …' if len(among) > 10 else ''}."
                )

    def update(self, inputs_BCHW: Tensor, output_BCHW: Tensor, predictions: Mapping[str, Tensor]) -> None:
        """Take in the next images, as the net takes them, and what it made of them."""
        original_BCHW = self.predictor.spec.denormalise(inputs_BCHW)
        self._worst.update(predictions["mse"], torch.stack([original_BCHW.cpu(), output_BCHW.cpu()], dim=1))

    def report(
        self, files: Sequence[str], names: Sequence[str], errors_N: np.ndarray, *, seed: int
    ) -> Anomalies:
        """The report over all images. Raises UserError where ``classes`` are none or all of them."""
        anomalous_N = np.isin(np.array(names), self.classes)
        self.check(sorted(set(names)))
        if self.classes and anomalous_N.all():
            raise UserError(
                f"anomaly={','.join(self.classes)}: all {counted(len(files), 'image')} are; "
                "expected others beside them, from which to tell them."
            )
        originals, reconstructions = (
            (images.permute(0, 2, 3, 1).numpy() for images in self._worst.images_M.unbind(1))
            if len(self._worst.index_M)
            else (np.empty(0), np.empty(0))
        )
        worst = WorstImages(self._worst.index_M.tolist(), originals, reconstructions)
        curve = roc(errors_N, anomalous_N, seed=seed) if self.classes else None
        return Anomalies(files, names, errors_N, anomalous_N, self.classes, worst, curve)
