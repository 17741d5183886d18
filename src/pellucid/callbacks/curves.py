"""View: loss and metrics over epochs, one picture rewritten after each."""

from __future__ import annotations

from pellucid.callbacks.view import Look, View
from pellucid.draw.curves import curves


class Curves(View):
    """``figures/curves.png``, drawn from ``metrics.csv``, so that a resumed run shows all of its epochs."""

    name = "curves"

    def look(self, look: Look) -> None:
        look.keep(curves(look.gallery.run.rows(), title=f"Training {look.title}"), "curves.png")
