"""Linear warm-up, then a straight line down to a floor.

Defazio et al., "Optimal linear decay learning rate schedules and further refinements", 2023.
"""

from __future__ import annotations

from pellucid.scheduler.base import WarmupSchedule


class Linear(WarmupSchedule):
    """Linear warm-up, then a straight line down."""

    @staticmethod
    def remaining(part: float) -> float:
        return 1 - part
