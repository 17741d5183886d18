"""The training that views look at: what they need of it, whoever wrote it.

Axes: N images, B of a batch, C channels, H × W pixels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from lightning.pytorch.loggers import Logger
from torch import Tensor, nn

from pellucid.inside.images import Images
from pellucid.inside.predictor import Predictor
from pellucid.metrics.curves import Rows
from pellucid.metrics.predictions import Predictions


class ImageSet(Protocol):
    """N images by their positions. ``labels_N`` are int64, ``UNKNOWN`` where a class is not known."""

    @property
    def labels_N(self) -> Tensor: ...  # noqa: N802  the axis

    def __len__(self) -> int: ...

    def pick(self, index_B: Tensor, classes: Sequence[str]) -> Images:
        """Those of the images with what is known of them."""


@dataclass(frozen=True)
class TrainingImages:
    """Images of a training as the net receives them, (B, C, H, W), and their classes.

    ``originals`` are the same as they were; None where that is not known. ``total``: how many there are.
    """

    received_BCHW: Tensor
    names: Sequence[str]
    originals: Images | None
    total: int | None


class Host(ABC):
    """A training, as its views' host.

    ``figures`` is the folder of PNG files, ``log_file`` takes what went wrong. ``images`` are those that are
    looked at, of ``total`` in the ``split``; ``source`` says what they are. ``predictions`` are of them in
    this epoch, None where there are none; ``no_classes`` says why of a net without. ``best``: the metric that
    chooses the best epoch, and whether its min or max.
    """

    figures: Path
    log_file: Path | None = None
    split: str = "validation"
    best: tuple[str, str] | None = None
    no_classes: str = "not a classifier"

    @property
    @abstractmethod
    def images(self) -> ImageSet: ...

    @property
    @abstractmethod
    def total(self) -> int: ...

    @property
    @abstractmethod
    def source(self) -> str: ...

    @property
    @abstractmethod
    def batch_size(self) -> int: ...

    @abstractmethod
    def predictor(self, module: nn.Module) -> Predictor:
        """The net where it is trained, one for all views, as what a Predictor knows costs passes."""

    def begin_look(self) -> None:  # noqa: B027  most keep nothing
        """A look begins: what was computed for the last one is no longer so."""

    @property
    @abstractmethod
    def predictions(self) -> Predictions | None: ...

    def expect_features(self) -> None:  # noqa: B027  most know none
        """``features`` will be asked for: those that others compute are worth keeping."""

    def features(self, index_B: Tensor) -> np.ndarray | None:
        """What the net's ``embed`` made of those images, (B, D), where that is known without it."""
        return None

    @property
    def has_training_images(self) -> bool:
        """Whether ``training_images`` can be asked for."""
        return True

    @abstractmethod
    def training_images(self, count: int) -> TrainingImages:
        """``count`` of the images that the net is trained on."""

    def augmentations(self, count: int) -> Mapping[str, Tensor]:
        """``count`` draws of each augmentation of one training image, (N, C, H, W) in [0, 1], by their names;
        none where none is known.
        """
        return {}

    @abstractmethod
    def rows(self) -> Rows:
        """The metrics of each epoch so far."""

    def loggers(self, loggers: Sequence[Logger]) -> Sequence[Logger]:
        """Those of the training's loggers that views may use."""
        return loggers

    @abstractmethod
    def record(self, values: Mapping[str, Any]) -> None:
        """Keep what is known of the views' cost, so that a killed run knows it too."""
