"""One look at a net that was trained elsewhere, into a folder or a notebook.

Axes: N images, C channels, H × W pixels.
"""

from __future__ import annotations

import base64
import io
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor, nn

from pellucid.callbacks.views import OF_TRAINERS, VIEWS, Views
from pellucid.discovery.output import Score


class Figures(Mapping[str, Image.Image]):
    """Pictures by the names of their views, ``feature_maps/layer1``; a notebook shows them."""

    def __init__(self, folder: Path) -> None:
        paths = sorted(folder.rglob("*.png"))
        self._content = {
            path.relative_to(folder).with_suffix("").as_posix(): path.read_bytes() for path in paths
        }

    def __getitem__(self, name: str) -> Image.Image:
        return Image.open(io.BytesIO(self._content[name]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._content)

    def __len__(self) -> int:
        return len(self._content)

    def __repr__(self) -> str:
        return f"Figures({', '.join(self)})"

    def _repr_html_(self) -> str:
        return "\n".join(
            f'<img alt="{name}" src="data:image/png;base64,{base64.b64encode(content).decode()}">'
            for name, content in self._content.items()
        )


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
    seed: int = 0,
    **views: Mapping[str, Any],
) -> Figures:
    """Draw all that can be seen in a net without its history; see ``Views`` for the options.

    ``images`` (N, C, H, W) are floats as the net takes them, or uint8, brought to [0, 1] and normalised by
    ``mean`` and ``std``; ``labels`` (N,). PNG files go to ``folder``, where one is given. The net is left as
    it was found. Raises UserError for what does not fit.
    """
    chosen = [name for name in VIEWS if name not in (*OF_TRAINERS, "film_strip")] if only is None else only
    with tempfile.TemporaryDirectory() as temporary:
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
            seed=seed,
            **views,  # type: ignore[arg-type]
        ).look(0, title=f"of {type(net).__name__}")
        return Figures(place)
