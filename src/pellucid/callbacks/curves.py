"""View: loss and metrics over epochs, one picture rewritten after each."""

from __future__ import annotations

from pellucid.callbacks.view import Look, View
from pellucid.draw.curves import curves
from pellucid.draw.sheet import number
from pellucid.run.epoch import best_epoch


class Curves(View):
    """``figures/curves.png``, drawn from ``metrics.csv``, so that a resumed run shows all of its epochs."""

    name = "curves"

    def look(self, look: Look) -> None:
        rows, task = look.gallery.run.rows(), look.task
        note, best = f"{type(look.net).__name__} on {look.data.source}", None
        if any(task.monitor in row for row in rows) and (best := best_epoch(rows, task.monitor, task.mode)):
            value = number(rows[best - 1][task.monitor])
            note += f"; dashed: epoch {best}, the best by {task.monitor} ({value})"
        look.keep(curves(rows, title=f"Training {look.title}", note=note, best=best), "curves.png")
