"""Images of other than three channels: how many they have, over which values, with which statistics, and how
they are shown. All by some of the training images, and told.

Shapes: N files, C channels, P pixels of all that are looked at.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pellucid.data.array import is_array, read_head
from pellucid.data.bounds import UnreadableError
from pellucid.data.decode import decode, decoding, grey_pages
from pellucid.data.grey import Grey
from pellucid.data.opening import ARRAYS, FORMATS
from pellucid.data.pictures import AHEAD, SAMPLED, find_range
from pellucid.errors import UserError, counted
from pellucid.spec import MAX_CHANNELS, Values

log = logging.getLogger(__name__)

MANY_CHANNELS = (*ARRAYS, *FORMATS["TIFF"])  # endings of files that may have any number of channels
BULK = (0.1, 99.9)  # percent of the values that are looked at: what lies beyond is taken as the nearest
FILES, VALUES = 256, 2**24  # that are looked at, at most
SIDE, DECODED = 32, 128  # pixels a side of a grid on a file, and of a photo that it is on
SPREAD = 2.5  # standard deviations of a principal component, to each side, from black to white
ODD_SHARE = 0.1  # of the files may have another number of channels: they are left out as unreadable ones
COMPOSITE = (0, 1, 0)  # of two channels: the first as magenta, the second as green


@dataclass(frozen=True)
class Channels:
    """What is known of channels, C: the range of ``values`` of all, or of each in turn; ``mean`` and ``std``
    of [0, 1] pixels and where they come from; ``bands``: how they are shown, see ``Spec``.
    """

    values: Values
    mean: tuple[float, ...]
    std: tuple[float, ...]
    statistics: str
    bands: tuple[float, ...]


def find_channels(root: Path, files: Sequence[Path]) -> int:
    """How many channels the images have: of photos 3, of arrays and TIFF files of several pages their own.

    Looks at the heads of some files. Raises UserError where they differ.
    """
    sample = _some(files, SAMPLED)
    if not any(path.suffix.lower() in MANY_CHANNELS for path in sample):
        return 3
    counts: Counter[int] = Counter()
    examples: dict[int, Path] = {}
    for path in sample:
        with suppress(OSError, UnreadableError):  # is told when it is decoded
            channels = channels_of(path)
            counts[channels] += 1
            examples.setdefault(channels, path)
    (common, most), *others = counts.most_common() or [(3, 1)]
    if sum(count for _, count in others) > ODD_SHARE * (most + sum(count for _, count in others)):
        found = "; ".join(
            f"{counted(c, 'channel')}: {examples[c].relative_to(root)}" for c, _ in counts.most_common()
        )
        raise UserError(
            f"data.root={root}: its images have different numbers of channels ({found}, …). Expected as many "
            "in all: move the others elsewhere."
        )
    if common > MAX_CHANNELS:
        raise UserError(f"data.root={root}: {common:,} channels; expected at most {MAX_CHANNELS:,}.")
    return common


def channels_of(path: Path) -> int:
    """Of an array, or a TIFF file of several pages of grey, its own; of a photo 3. Raises UnreadableError."""
    if path.suffix.lower() not in MANY_CHANNELS:
        return 3
    with path.open("rb") as file:
        if is_array(file):
            return read_head(file).channels()
        return grey_pages(file) or 3


def check_bands(bands: str | Sequence[int], channels: int) -> None:
    """Raise UserError for an option that names no channels."""
    if bands == "auto" or (bands == "pca" and channels not in (1, 3)):
        return
    named = not isinstance(bands, str) and len(bands) in (1, 3)
    if not (named and all(type(band) is int and 0 <= band < channels for band in bands)):
        raise UserError(
            f"data.bands={bands}: expected auto, one channel or three that are shown as red, green and blue, "
            f"from 0 to {channels - 1}" + (", or pca." if channels not in (1, 3) else ".")
        )


def look(
    files: Sequence[Path],
    channels: int,
    *,
    of: str,
    value_range: Sequence[float] | Literal["auto"],
    bands: str | Sequence[int],
) -> Channels:
    """What is known of images of so many channels, by some of the ``files``, which are called ``of``."""
    sample = _some(files, FILES)
    values: Values = () if value_range == "auto" else tuple(value_range)
    if channels == 1 and not values:
        values = find_range(files)
    found = _sampled(sample, channels, values)
    if not found.used:
        raise UserError(
            f"Of {counted(len(sample), 'image file')} that were looked at none can be read ({found.reason})."
        )
    if channels > 1 and not values and found.white:
        values = _values(found, channels)
    if value_range != "auto" and not found.white and not found.is_photo:
        log.warning("data.value_range is not used: the images looked at have 8 bits.")
    levels_PC = _levels(found, values)
    mean_C, std_C = levels_PC.mean(axis=0), levels_PC.std(axis=0)
    std_C = np.where(std_C > 1e-4, std_C, 1.0)  # 1 where all pixels are alike
    return Channels(
        values=values,
        mean=_rounded(mean_C, 4),
        std=_rounded(std_C, 4),
        statistics=f"{found.used:,} of {of}",
        bands=choose_bands(bands, levels_PC, mean_C, std_C, is_photo=found.is_photo),
    )


def choose_bands(
    bands: str | Sequence[int],
    levels_PC: NDArray[np.float64],
    mean_C: NDArray[np.float64],
    std_C: NDArray[np.float64],
    *,
    is_photo: bool = False,
) -> tuple[float, ...]:
    """How channels of such pixels are shown, see ``Spec``; ``is_photo``: the last of 2 or 4 is alpha."""
    if bands == "auto":
        bands = _usual_bands(len(mean_C), is_photo)
    return principal_components(levels_PC, mean_C, std_C) if isinstance(bands, str) else tuple(bands)


def _usual_bands(channels: int, is_photo: bool) -> str | tuple[int, ...]:
    if channels in (1, 3):
        return ()
    if is_photo:  # beside transparency
        return (0, 1, 2) if channels == 4 else (0,)
    return COMPOSITE if channels == 2 else "pca"


def principal_components(
    levels_PC: NDArray[np.float64], mean_C: NDArray[np.float64], std_C: NDArray[np.float64]
) -> tuple[float, ...]:
    """The rows (3, C + 1) of weights and an offset that give the first three principal components of pixels
    in units of their channels' deviation, from −2.5 to 2.5 deviations of each as 0 to 1.

    Each points where the sum of the channels grows. A component that there is not is 0.5 everywhere.
    """
    channels = levels_PC.shape[1]
    scaled_PC = (levels_PC - mean_C) / std_C
    variance_C, axes_CC = np.linalg.eigh(scaled_PC.T @ scaled_PC / len(scaled_PC))
    rows = np.zeros((3, channels + 1))
    rows[:, -1] = 0.5
    for row, component in zip(rows, reversed(range(channels)), strict=False):
        axis_C, variance = axes_CC[:, component], variance_C[component]
        if variance < 1e-6:
            continue
        towards = axis_C.sum() if abs(axis_C.sum()) > 1e-6 else axis_C[np.abs(axis_C).argmax()]
        row[:-1] = np.sign(towards) * axis_C / std_C / (2 * SPREAD * np.sqrt(variance))
        row[-1] -= row[:-1] @ mean_C
    return _rounded(rows.ravel(), 6)


@dataclass(frozen=True)
class _Found:
    """Values of pixels of so many files that were ``used``: from 0 to 255; where
    ``white``, the highest value of their type, is not 0, as they are.
    """

    values_PC: NDArray[np.float64]
    used: int
    white: float
    is_photo: bool
    reason: str


def _sampled(sample: Sequence[Path], channels: int, values: Values) -> _Found:
    side = max(4, min(SIDE, int((VALUES / max(1, channels * len(sample))) ** 0.5)))

    def read(path: Path) -> tuple[_Sampling, NDArray[np.float64]] | str:
        try:
            sampling = _Sampling(side, values)
            decoded_CHW = decode(path, DECODED, sampling, channels=channels)
            planes = [sampling.planes.get(c, _grid(decoded_CHW[c], side)) for c in range(channels)]
            return sampling, np.stack(planes, axis=1)
        except UnreadableError as error:
            return str(error)

    with decoding(read, sample, ahead=AHEAD) as results:
        found = list(results)
    parts = [part for part in found if not isinstance(part, str)]
    deep = [sampling.is_deep for sampling, _ in parts]
    is_deep = sum(deep) * 2 > len(deep)  # of files of both kinds those of the other do not count
    chosen = [values_PC for sampling, values_PC in parts if sampling.is_deep == is_deep]
    return _Found(
        np.concatenate(chosen) if chosen else np.empty((0, channels)),
        used=len(chosen),
        white=max((sampling.white for sampling, _ in parts if sampling.is_deep), default=0.0)
        if is_deep
        else 0,
        is_photo=not any(sampling.planes for sampling, _ in parts),
        reason=next((part for part in found if isinstance(part, str)), ""),
    )


class _Sampling(Grey):
    """Keeps some of the values of each plane that it is given, as they are."""

    def __init__(self, side: int, values: Values) -> None:
        super().__init__(values)
        self.side, self.planes = side, dict[int, NDArray[np.float64]]()

    def plane(self, plane_HW: NDArray[np.generic], channel: int) -> Image.Image:
        self.planes[channel] = _grid(plane_HW, self.side)
        return super().plane(plane_HW, channel)

    @property
    def is_deep(self) -> bool:
        return self.white > 0 and bool(self.planes)


def _grid(plane_HW: NDArray[np.generic], side: int) -> NDArray[np.float64]:
    """``side``² of its values, evenly spread."""
    rows, columns = (np.linspace(0, length - 1, side).round().astype(int) for length in plane_HW.shape)
    values: NDArray[np.float64] = plane_HW[rows[:, None], columns].astype(np.float64).ravel()
    return values


def _values(found: _Found, channels: int) -> Values:
    """The range of each channel in which the bulk of its values lies."""
    ranges = []
    for values_P in found.values_PC.T:
        finite = values_P[np.isfinite(values_P)]
        low, high = np.percentile(finite, BULK).tolist() if finite.size else (0.0, found.white)
        ranges += [low, high if high > low else low + 1]
    log.info(
        "The values of each of %d channels are kept as 256 steps from its 0.1 to its 99.9 %% quantile, by %d "
        "training images (data.value_range=[<lowest>,<highest>] chooses one range for all).",
        channels,
        found.used,
    )
    return tuple(float(f"{value:.6g}") for value in ranges)


def _levels(found: _Found, values: Values) -> NDArray[np.float64]:
    """The values as they are kept, in [0, 1]."""
    if not found.white:
        return found.values_PC / 255
    pairs = np.array(values or (0.0, found.white)).reshape(-1, 2)
    low_C, high_C = pairs[:, 0], pairs[:, 1]
    finite_PC: NDArray[np.float64] = np.where(np.isnan(found.values_PC), low_C, found.values_PC)
    levels_PC: NDArray[np.float64] = (
        np.floor((finite_PC.clip(low_C, high_C) - low_C) * 255 / (high_C - low_C)) / 255
    )
    return levels_PC


def _rounded(values: NDArray[np.float64], digits: int) -> tuple[float, ...]:
    return tuple(float(f"{value:.{digits}g}") for value in values)


def _some(files: Sequence[Path], count: int) -> Sequence[Path]:
    """At most so many, evenly spread."""
    return [files[round(index)] for index in np.linspace(0, len(files) - 1, min(count, len(files)))]
