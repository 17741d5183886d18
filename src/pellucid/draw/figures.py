"""Pictures by their names, which a notebook shows."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path

from PIL import Image

from pellucid.draw.png import png
from pellucid.draw.sheet import Picture


class Figures(Mapping[str, Image.Image]):
    """Pictures by their names, ``feature_maps/layer1``; a notebook shows them.

    ``contents``: those of PNG files.
    """

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        self._contents = dict(contents)

    @classmethod
    def of_folder(cls, folder: Path) -> Figures:
        """The PNG files in it and below, named by their paths there."""
        paths = sorted(folder.rglob("*.png"))
        names = (path.relative_to(folder).with_suffix("").as_posix() for path in paths)
        return cls({name: path.read_bytes() for name, path in zip(names, paths, strict=True)})

    @classmethod
    def drawn(cls, pictures: Mapping[str, Picture]) -> Figures:
        """Those of drawn figures, or of pixels uint8 (H, W, 3), by their names."""
        return cls({name: png(picture) for name, picture in pictures.items()})

    def content(self, name: str) -> bytes:
        """The bytes of a picture's PNG file. Raises KeyError for a name that there is not."""
        return self._contents[name]

    def __getitem__(self, name: str) -> Image.Image:
        return Image.open(io.BytesIO(self._contents[name]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._contents)

    def __len__(self) -> int:
        return len(self._contents)

    def __repr__(self) -> str:
        return f"Figures({', '.join(self)})"

    def _repr_html_(self) -> str:
        return "\n".join(
            f'<img alt="{escape(name)}" style="max-width: 100%" '
            f'src="data:image/png;base64,{base64.b64encode(content).decode()}">'
            for name, content in self._contents.items()
        )
