"""View: loss and metrics over epochs, one picture rewritten after each."""

from __future__ import annotations

import csv

from pellucid.callbacks.view import Look, View
from pellucid.draw.curves import curves


class Curves(View):
    """``figures/curves.png``, drawn from ``metrics.csv``, so that a resumed run shows all of its epochs."""

    name = "curves"

    def look(self, look: Look) -> None:
        with (look.gallery.run.folder / "metrics.csv").open(encoding="utf-8", newline="") as file:
            rows = [{key: float(v) for key, v in row.items() if v} for row in csv.DictReader(file)]
        look.keep(curves(rows, title=f"Training {look.title}"), "curves.png")
