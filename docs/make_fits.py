"""How a photo is brought to a net's size, and what crops of it show: ``python docs/make_fits.py <file>``.

A drawn cat and a drawn dog stand for the photo, twice as long as high. Drawn by ``docs/make_pictures.py``.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from pellucid.data.augment.geometry import Crop
from pellucid.data.decode import decode
from pellucid.data.fitting import fitted
from pellucid.data.store import WholePhotos
from pellucid.data.synthetic_catdog import draw_face
from pellucid.draw.sheet import COLOURS, Sheet
from pellucid.spec import FITS, IMAGENET_MEAN, IMAGENET_STD, Fit, Spec

SIZE, CROPS = 128, 10  # pixels a side
WIDTH, GAP, LEFT = 9.6, 0.08, 0.12  # inches
MEANING = {
    "crop": "the shorter side is resized, the centre cut out: what commands and validation see",
    "pad": "all of it, on the mean colour",
    "squash": "all of it, its proportions lost",
}


def draw() -> NDArray[np.uint8]:
    """The picture, (height, width, 3) uint8."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "photo.png"
        Image.fromarray(_photo()).save(file)
        seen = {mode: _decoded(file, _fit(mode)) for mode in FITS}
        whole = decode(file, SIZE, fit=_fit("crop"), whole=True).transpose(1, 2, 0)
        square = _decoded(file, Fit())  # as photos were kept before they were kept whole
    sheet = Sheet(WIDTH, 5.15)
    sheet.title(
        "What a net is shown of a photo",
        f"A drawn photo, brought to {SIZE} × {SIZE} pixels by each data.fit, and ten training crops of it.",
    )
    top, side = 0.75, 1.3
    breadth = side * whole.shape[1] / whole.shape[0]
    sheet.text("the photo, as the cache keeps it", LEFT, top - 0.17, size=7)
    sheet.image(np.ascontiguousarray(whole), LEFT, top, breadth, side)
    for number, (mode, picture) in enumerate(seen.items()):
        x = LEFT + breadth + 0.45 + number * (side + 0.5)
        sheet.text(f"fit={mode}", x, top - 0.17, size=7, bold=True)
        sheet.image(picture, x, top, side, side)
        for line, text in enumerate(_lines(MEANING[mode])):
            sheet.text(text, x, top + side + 0.06 + 0.12 * line, size=6.5)
    y = top + side + 0.62
    each = (WIDTH - 2 * LEFT - (CROPS - 1) * GAP) / CROPS
    numbers_BR = torch.rand(CROPS, Crop().numbers, generator=torch.Generator().manual_seed(4))
    for text, kept, colour in (
        ("before: crops of the square at the centre, which was all that was kept", square, COLOURS[3]),
        ("now: crops of the whole photo", whole, COLOURS[0]),
    ):
        sheet.text(text, LEFT, y, size=7, bold=True)
        for number, crop in enumerate(_crops(kept, numbers_BR)):
            sheet.image(crop, LEFT + number * (each + GAP), y + 0.2, each, each, frame=colour)
        y += each + 0.42
    drawn: NDArray[np.uint8] = np.asarray(sheet.picture())
    return drawn


def _photo() -> NDArray[np.uint8]:
    """A cat on the left and a dog on the right, (320, 640, 3) uint8."""
    return np.concatenate([draw_face("cat", size=320, seed=3), draw_face("dog", size=320, seed=4)], axis=1)


def _fit(mode: str) -> Fit:
    return Spec((3, SIZE, SIZE), (), IMAGENET_MEAN, IMAGENET_STD, "", **fitted(mode)).fit


def _decoded(file: Path, fit: Fit) -> NDArray[np.uint8]:
    return np.ascontiguousarray(decode(file, SIZE, fit=fit).transpose(1, 2, 0))


def _crops(kept_HWC: NDArray[np.uint8], numbers_BR: torch.Tensor) -> NDArray[np.uint8]:
    """Crops of what is kept of a photo, by the same numbers, (B, H, W, 3)."""
    height, width, channels = kept_HWC.shape
    pixels_P = torch.from_numpy(kept_HWC.flatten())
    store = WholePhotos(pixels_P, torch.tensor([[height, width]]), (channels, SIZE, SIZE))
    aspect_B = torch.full((len(numbers_BR),), width / height)
    boxes_B4 = Crop().boxes(numbers_BR, aspect_B)
    rows_B = torch.zeros(len(numbers_BR), dtype=torch.int64)
    return store.crops(rows_B, boxes_B4, (SIZE, SIZE)).permute(0, 2, 3, 1).contiguous().numpy()


def _lines(text: str, signs: int = 34) -> list[str]:
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) >= signs:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


if __name__ == "__main__":
    Image.fromarray(draw()).save(sys.argv[1])
