"""The time that views may take: a share of the time that was trained."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from pellucid.system.ranges import check_range

EFFORTS = (1.0, 0.5, 0.25, 0.1, 0.03)  # shares of its images and methods that a dear view may be drawn with
DRAWING = 0.3  # seconds of a look that fewer images do not spare
# After a training of fewer than SHORT seconds so many views that have not looked do so in any case, where it
# takes no longer than that.
GRACE, GRACES, SHORT = 0.5, 5, 30.0
# Of the share what may be spent before the last epoch, whose looks, and the film, cost more than others.
EARLY = 0.8
LOOKS = 6  # of a view in a run, about, where it is not known how often it will look
UNKNOWN_EPOCHS = 10  # a training has, where its end is not known


class TimeShare:
    """``part`` of the seconds trained so far, over all processes of a run; None: no limit.

    ``clock`` gives seconds. Trained is all the time since ``start`` but that which was ``spent``.
    """

    def __init__(self, part: float | None, clock: Callable[[], float] = time.perf_counter) -> None:
        check_range("share", part)
        self.part, self._clock = part, clock
        self._start: float | None = None
        self._before = 0.0  # seconds trained by earlier processes
        self.spent = self._spent_before = 0.0
        self.left_out: dict[str, int] = defaultdict(int)  # looks that were due, by view
        self.shortened: dict[str, int] = defaultdict(int)

    def go_on(self, account: Mapping[str, Any]) -> None:
        """Count on from what an earlier process has noted of the run."""
        self._before = float(account.get("look/trained", 0.0))
        self.spent = self._spent_before = float(account.get("look/seconds/total", 0.0))
        for kind, counts in (("left_out", self.left_out), ("shortened", self.shortened)):
            prefix = f"look/{kind}/"
            counts.update(
                {key[len(prefix) :]: int(v) for key, v in account.items() if key.startswith(prefix)}
            )

    def start(self) -> None:
        """Training begins."""
        if self._start is None:
            self._start = self._clock()
            self._spent_before = self.spent  # what was spent until now took no time of the training

    def stop(self) -> None:
        """Training has ended; what comes after it, as a test, is no training."""
        self._before, self._start = self.trained, None

    def spend(self, seconds: float) -> None:
        self.spent += seconds

    @property
    def trained(self) -> float:
        """Seconds of training so far."""
        now = 0.0 if self._start is None else self._clock() - self._start
        return self._before + max(0.0, now - (self.spent - self._spent_before))

    @property
    def allowed(self) -> float:
        """Seconds that views may have taken by now."""
        return math.inf if self.part is None else self.part * self.trained

    @property
    def left(self) -> float:
        """Seconds that views may take now."""
        return self.allowed - self.spent

    def expected(self, epoch: int, max_epochs: int | None) -> float:
        """Seconds that views may take in all, if the training goes on as it did until this epoch."""
        epochs = max_epochs if max_epochs is not None and max_epochs > 0 else max(UNKNOWN_EPOCHS, epoch)
        return self.allowed * max(epochs, epoch) / max(epoch, 1)

    def account(self) -> dict[str, float]:
        """What was trained, left out and shortened, as ``metrics.json`` holds it."""
        values: dict[str, float] = {"look/trained": round(self.trained, 3)} if self.trained else {}
        values |= {f"look/left_out/{view}": count for view, count in sorted(self.left_out.items())}
        return values | {f"look/shortened/{view}": count for view, count in sorted(self.shortened.items())}


def told(account: Mapping[str, Any], share: float | None) -> str:
    """What a run's account says was left out and shortened, and why, in a line; "" where nothing was."""
    parts = []
    for kind, what in (("left_out", "left out"), ("shortened", "with fewer images")):
        prefix = f"look/{kind}/"
        looks = [f"{key[len(prefix) :]} × {v}" for key, v in account.items() if key.startswith(prefix)]
        parts += [f"{what}: {', '.join(looks)}"] if looks else []
    if share is None or not parts:
        return ""
    trained, spent = account.get("look/trained", 0.0), account.get("look/seconds/total", 0.0)
    took = f"{spent:.1f} s for {trained:.1f} s of training"
    return f"{took}, of which they may take {share:.0%}; {'; '.join(parts)}. All: share=null"


def cost_of(full: float, effort: float) -> float:
    """Seconds of a look with that effort, where one with all images takes ``full``."""
    return min(full, DRAWING) + max(0.0, full - DRAWING) * effort


def full_cost(seconds: float, effort: float) -> float:
    """What a look with all images would take, where one with that effort took so many seconds."""
    return min(seconds, DRAWING) + max(0.0, seconds - DRAWING) / effort


def largest_effort(full: float, seconds: float, least: float = 0.0) -> float:
    """The largest of EFFORTS, none below ``least``, with which a look takes no more than so many seconds.

    0: none.
    """
    return next((effort for effort in EFFORTS if effort >= least and cost_of(full, effort) <= seconds), 0.0)
