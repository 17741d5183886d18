"""Linear warm-up, then half a cosine down to a floor.

Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017, without the restarts;
Goyal et al., "Accurate, large minibatch SGD", 2017, for the warm-up.
"""

from __future__ import annotations

import math

from pellucid.scheduler.base import WarmupSchedule


class WarmupCosine(WarmupSchedule):
    """Linear warm-up, then half a cosine down."""

    @staticmethod
    def remaining(part: float) -> float:
        return (1 + math.cos(math.pi * part)) / 2
