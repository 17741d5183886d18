"""Some images and what is known of them.

Axes: B images, C channels, H × W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

UNKNOWN = -1  # the label of an image whose class is not known


@dataclass(frozen=True)
class Images:
    """B images: uint8 pixels (B, C, H, W), or floats as a net takes them; int64 labels (``UNKNOWN`` where not
    known), files, and names.

    ``names`` are those of classes, or of the folders that files lie in. ``targets_BK``: what is known of
    images that have no class, see ``Split``.
    """

    pixels_BCHW: Tensor
    labels_B: Tensor
    files: Sequence[str]
    names: Sequence[str]
    targets_BK: Tensor | None = None

    def __len__(self) -> int:
        return len(self.files)

    @property
    def short_files(self) -> list[str]:
        """Each file by its folder and name."""
        return [short(file) for file in self.files]


def short(file: str) -> str:
    """A file by its folder and name: ``cat/cat.12.jpg``."""
    return "/".join(Path(file).parts[-2:])
