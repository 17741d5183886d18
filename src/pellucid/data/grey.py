"""Grey of more than 8 bits as 8: over which values it goes from black to white; a channel at a time.

Shapes: C channels, H × W pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pellucid.spec import Values

BAND = 2**17  # pixels that are converted at a time
MANY = 0.05  # of a file's values beyond ranges that were found by the bulk of others


def is_deep(image: Image.Image) -> bool:
    """Whether it is grey of more than 8 bits."""
    return image.mode.startswith("I;16") or image.mode in ("I", "F")


def white_of(image: Image.Image) -> float:
    """The highest value of its type: 1 of floats, 4095 of 12 bits, else 65,535; 0 of 8 bits."""
    if not is_deep(image):
        return 0.0
    if image.mode == "F":
        return 1.0
    bits = getattr(image, "tag_v2", {}).get(258)  # BitsPerSample of a TIFF file
    return 4095.0 if bits == (12,) else 65535.0


class Grey:
    """Black at the lower of ``values``, white at the higher, of each channel its own where they are more than
    two; notes what it has met of an image.

    ``white``: the highest value of its type, 0 where it is not deep; ``lowest`` and ``highest`` its finite
    values; ``missing``: how many are none.
    """

    def __init__(self, values: Values = ()) -> None:
        self.values = values
        self.white, self.lowest, self.highest, self.missing = 0.0, np.inf, -np.inf, 0
        self._beyond, self._count = 0, 0  # values, of so many

    def eight_bits(self, image: Image.Image) -> Image.Image:
        """The image in mode L; what is no number is black."""
        return self._scaled(_bands(image), image.height, image.width, 0)

    def plane(self, plane_HW: NDArray[np.generic], channel: int) -> Image.Image:
        """A channel of an image in mode L, of 8 bits as it is; what is no number is black."""
        if plane_HW.dtype == np.uint8:
            return Image.fromarray(np.ascontiguousarray(plane_HW))
        height, width = plane_HW.shape
        rows = max(1, BAND // width)
        bands = (plane_HW[top : top + rows].astype(np.float64) for top in range(0, height, rows))
        return self._scaled(bands, height, width, channel)

    def _range(self, channel: int) -> Values:
        return self.values[2 * channel :][:2] if self._of_each else self.values or (0.0, self.white)

    @property
    def _of_each(self) -> bool:
        return len(self.values) > 2

    def _scaled(
        self, bands: Iterable[NDArray[np.float64]], height: int, width: int, channel: int
    ) -> Image.Image:
        low, high = self._range(channel)
        grey_HW = np.empty((height, width), np.uint8)
        top = 0
        for band in bands:
            self._note(band)
            self._beyond += int(((band < low) | (band > high)).sum())
            self._count += band.size
            above = np.nan_to_num(band, nan=low, posinf=high, neginf=low).clip(low, high) - low
            grey_HW[top : top + len(band)] = (above * 255 / (high - low)).astype(np.uint8)
            top += len(band)
        return Image.fromarray(grey_HW)

    def _note(self, band: NDArray[np.float64]) -> None:
        finite = band[np.isfinite(band)]
        self.missing += band.size - finite.size
        self.lowest = min(self.lowest, float(finite.min(initial=np.inf)))
        self.highest = max(self.highest, float(finite.max(initial=-np.inf)))

    def odd(self) -> str:
        """What did not fit, in a few words; empty where all did."""
        problems = [f"{self.missing:,} values are no finite number"] if self.missing else []
        if self._of_each:
            if self._beyond > MANY * self._count:
                share = self._beyond / self._count
                problems.append(f"{share:.0%} of its values lie beyond the ranges of their channels")
            return ", ".join(problems)
        low, high = self._range(0)
        if self.lowest < low or self.highest > high:
            problems.append(
                f"values from {self.lowest:.6g} to {self.highest:.6g}, beyond {low:.6g} to {high:.6g}"
            )
        return ", ".join(problems)


def _bands(image: Image.Image) -> Iterator[NDArray[np.float64]]:
    rows = max(1, BAND // image.width)
    for top in range(0, image.height, rows):
        box = (0, top, image.width, min(top + rows, image.height))
        yield np.asarray(image.crop(box), dtype=np.float64)
