"""The context of a run within a sweep: what it has beside its configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pellucid.data.image_cache import ImageCache


@dataclass(frozen=True)
class TrialContext:
    """A trial as one of its runs knows it.

    ``parameters``: the searched options; ``metric``: what the sweep optimises.
    ``should_stop(epoch, metric)`` is asked after each epoch, counted from 1; None: the run is never pruned.
    """

    parameters: Mapping[str, Any]
    metric: str
    images: ImageCache
    should_stop: Callable[[int, float], bool] | None
