"""One look at a net that was trained elsewhere, into a folder or a notebook.

Axes: N images, C channels, H × W pixels.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from pellucid.callbacks.views import OF_TRAINERS, VIEWS, Views
from pellucid.discovery.output import Score
from pellucid.draw.figures import Figures
from pellucid.draw.formats import by_name, keeping_pictures


def look(
    net: nn.Module,
    images: Tensor,
    labels: Tensor | None = None,
    *,
    classes: Sequence[str] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    score: Score | None = None,
    only: Sequence[str] | None = None,
    folder: str | Path | None = None,
    figures: str | Sequence[str] = "png",
    seed: int = 0,
    **views: Mapping[str, Any],
) -> Figures:
    """Draw all that can be seen in a net without its history; see ``Views`` for the options.

    ``images`` (N, C, H, W) are floats as the net takes them, or uint8, brought to [0, 1] and normalised by
    ``mean`` and ``std``; ``labels`` (N,). PNG files go to ``folder``, where one is given. The net is left as
    it was found. Raises UserError for what does not fit.
    """
    chosen = [name for name in VIEWS if name not in (*OF_TRAINERS, "film_strip")] if only is None else only
    with tempfile.TemporaryDirectory() as temporary, keeping_pictures() as drawn:
        place = Path(temporary if folder is None else folder)
        Views(
            net=net,
            images=images,
            labels=labels,
            classes=classes,
            mean=mean,
            std=std,
            score=score,
            only=chosen,
            share=None,
            folder=place,
            figures=figures,
            seed=seed,
            **views,  # type: ignore[arg-type]
        ).look(0, title=f"of {type(net).__name__}")
        found = Figures.of_folder(place)
        return found.chosen(list(found), by_name(drawn, place))
