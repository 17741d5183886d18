"""What the page of a run is made from.

Axes: B images of a batch, N of a split, C channels, H × W pixels.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.data.base import ImageData
from pellucid.data.images import Split
from pellucid.engine.evaluation import Evaluation
from pellucid.engine.trained import Placed
from pellucid.errors import first_line
from pellucid.explainer.base import Explainer
from pellucid.inside.pixels import to_rgb
from pellucid.inside.preserve_state import unwrap_compiled

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass
class Subject:
    """A trained net where it runs, and its test images with what it said of them.

    ``data`` and ``evaluation`` are None where they are not here. ``noted`` is the run's record.
    ``seconds``: as long may explaining take.
    ``as_trained``: the splits are those of the training, so that what it has kept belongs to them.
    """

    placed: Placed
    data: ImageData | None
    evaluation: Evaluation | None
    explainers: Mapping[str, Explainer]
    noted: Mapping[str, Any]
    seconds: float
    as_trained: bool

    @property
    def net(self) -> nn.Module:
        """As written, not its compiled form, which would be compiled again for every number of images."""
        return unwrap_compiled(self.placed.trained.net)

    @property
    def classes(self) -> tuple[str, ...]:
        return self.placed.trained.spec.classes

    @property
    def seed(self) -> int:
        return int(self.placed.trained.config["seed"])

    def split(self, name: str) -> Split:
        assert self.data is not None
        return self.data.splits[name]

    def images(self, split: str, index_B: Tensor) -> Tensor:
        """Those images as the net takes them."""
        return self.placed.images(self.split(split).images(index_B))

    def pixels(self, images_BCHW: Tensor) -> np.ndarray:
        """What is shown of them: uint8 RGB, (B, H, W, 3)."""
        return to_rgb(self.placed.trained.spec, images_BCHW)

    @cached_property
    def pass_seconds(self) -> float:
        """How long the net looks at one image, measured on a black one."""
        channels, height, width = self.placed.trained.spec.image_shape
        black = self.placed.images(torch.zeros(4, channels, height, width, dtype=torch.uint8))
        self.placed.run(black)  # what is done at the first time only
        start = time.perf_counter()
        self.placed.run(black)
        return (time.perf_counter() - start) / 4


def of_kept(section: Callable[[Subject], T | None], subject: Subject) -> T | None:
    """The section of the page, None where the figures that views have kept are not as they keep them."""
    try:
        return section(subject)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:
        log.warning("What the views have kept in figures cannot be used: %s.", first_line(error))
        return None
