"""View: loss and metrics over epochs, one picture rewritten after each."""

from __future__ import annotations

from pellucid.callbacks.snapshot import Snapshot
from pellucid.callbacks.visualizer import Visualizer
from pellucid.draw.curves import draw_curves
from pellucid.system.number_text import number
from pellucid.view.curves import best_point, curves


class Curves(Visualizer):
    """``figures/curves.png``, drawn from ``metrics.csv``, so that a resumed run shows all of its epochs."""

    name = "curves"
    cheap, shows_all_epochs = True, True

    def draw(self, snapshot: Snapshot) -> None:
        host = snapshot.host
        rows = host.rows()
        note, epoch = f"{type(snapshot.net).__name__} on {host.source}", None
        if host.best and (point := best_point(rows, *host.best)):
            epoch, value = point
            note += f"; dashed: epoch {epoch}, the best by {host.best[0]} ({number(value)})"
        series, title = curves(rows), f"Training {snapshot.title}"
        picture = draw_curves(series.metrics, title=title, note=note, lr=series.lr, best=epoch)
        snapshot.keep(picture, "curves.png")
