"""What the page of a run is made from.

Axes: B images of a batch, N of a split, C channels, H × W pixels.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from torch import Tensor

from pellucid.data.base import ImageData
from pellucid.data.images import Split
from pellucid.engine.evaluation import Evaluation
from pellucid.engine.loaded_run import LoadedRun
from pellucid.errors import first_line
from pellucid.explainer.base import Explainer
from pellucid.inside.predictor import Predictor

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass
class Context:
    """A trained net where it runs, and its test images with what it said of them.

    ``data`` and ``evaluation`` are None where they are not here. ``recorded`` is the run's record.
    ``seconds``: as long may explaining take.
    ``as_trained``: the splits are those of the training, so that what it has kept belongs to them.
    """

    loaded: LoadedRun
    predictor: Predictor
    data: ImageData | None
    evaluation: Evaluation | None
    explainers: Mapping[str, Explainer]
    recorded: Mapping[str, Any]
    seconds: float
    as_trained: bool

    @property
    def classes(self) -> tuple[str, ...]:
        return self.loaded.spec.classes

    @property
    def seed(self) -> int:
        return int(self.loaded.config["seed"])

    def split(self, name: str) -> Split:
        assert self.data is not None
        return self.data.splits[name]

    def images(self, split: str, index_B: Tensor) -> Tensor:
        """Those images as the net takes them."""
        return self.predictor.inputs(self.split(split).images(index_B))


def of_kept(section: Callable[[Context], T | None], context: Context) -> T | None:
    """The section of the page, None where the figures that views have kept are not as they keep them."""
    try:
        return section(context)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:
        log.warning("What the views have kept in figures cannot be used: %s.", first_line(error))
        return None
