"""Pictures by their names, which a notebook shows."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from html import escape
from pathlib import Path

from PIL import Image

from pellucid.draw.png import png, sheet_of
from pellucid.draw.sheet import Picture
from pellucid.errors import UserError


class Figures(Mapping[str, Image.Image]):
    """Pictures by their names, ``feature_maps/layer1``; a notebook shows them.

    ``contents``: those of PNG files; ``vectors``: what gives that of a PDF or SVG, where it is known.
    """

    def __init__(
        self, contents: Mapping[str, bytes], vectors: Mapping[str, Callable[[str], bytes]] | None = None
    ) -> None:
        self._contents, self._vectors = dict(contents), dict(vectors or {})

    @classmethod
    def of_folder(cls, folder: Path) -> Figures:
        """The PNG files in it and below, named by their paths there."""
        paths = sorted(folder.rglob("*.png"))
        names = (path.relative_to(folder).with_suffix("").as_posix() for path in paths)
        found = dict(zip(names, paths, strict=True))
        return cls(
            {name: path.read_bytes() for name, path in found.items()},
            {name: partial(_beside, path) for name, path in found.items()},
        )

    @classmethod
    def drawn(cls, pictures: Mapping[str, Picture]) -> Figures:
        """Those of drawn figures, or of pixels uint8 (H, W, 3), by their names."""
        return cls({name: png(picture) for name, picture in pictures.items()}, _vectors(pictures))

    def chosen(self, names: Iterable[str], pictures: Mapping[str, Picture] | None = None) -> Figures:
        """Those of these names, as vectors by their ``pictures``, where they are given."""
        vectors = {**self._vectors, **_vectors(pictures or {})}
        return Figures(
            {name: self._contents[name] for name in names},
            {name: vectors[name] for name in names if name in vectors},
        )

    def content(self, name: str, kind: str = "png") -> bytes:
        """The bytes of a picture's PNG, PDF or SVG file. Raises KeyError for a name that there is not, and
        UserError where only pixels are known.
        """
        if kind == "png":
            return self._contents[name]
        if name not in self._vectors:
            raise UserError(f"{name}: only the pixels of this picture are known; save it as .png.")
        return self._vectors[name](kind)

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


def _vectors(pictures: Mapping[str, Picture]) -> dict[str, Callable[[str], bytes]]:
    """What gives the vectors of those that are pages."""
    return {name: sheet.vector for name, p in pictures.items() if (sheet := sheet_of(p)) is not None}


def _beside(path: Path, kind: str) -> bytes:
    """The content of the file of that format that was written beside a PNG. Raises UserError for none."""
    file = path.with_suffix(f".{kind}")
    if not file.is_file():
        raise UserError(f"{path}: it was written as PNG alone; figures={kind} writes {kind.upper()} too.")
    return file.read_bytes()
