"""View: loss and metrics over epochs, one picture rewritten after each."""

from __future__ import annotations

from pellucid.callbacks.snapshot import Snapshot
from pellucid.callbacks.visualizer import Visualizer
from pellucid.draw.curves import curves
from pellucid.draw.sheet import number
from pellucid.run.epoch import best_epoch


class Curves(Visualizer):
    """``figures/curves.png``, drawn from ``metrics.csv``, so that a resumed run shows all of its epochs."""

    name = "curves"

    def draw(self, snapshot: Snapshot) -> None:
        rows, task = snapshot.figures.run.rows(), snapshot.task
        note, best = f"{type(snapshot.net).__name__} on {snapshot.data.source}", None
        if any(task.monitor in row for row in rows) and (best := best_epoch(rows, task.monitor, task.mode)):
            value = number(rows[best - 1][task.monitor])
            note += f"; dashed: epoch {best}, the best by {task.monitor} ({value})"
        snapshot.keep(curves(rows, title=f"Training {snapshot.title}", note=note, best=best), "curves.png")
