"""The base of data sets that list image files, whose pixels are kept in the cache."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pellucid.data.base import ImageData
from pellucid.data.channels import check_bands, find_channels, look
from pellucid.data.entry import Photos
from pellucid.data.fitting import check_fit, fitted
from pellucid.data.photos import load_together
from pellucid.data.pictures import find_deep, find_range
from pellucid.errors import UserError
from pellucid.spec import (
    CLASS,
    IMAGENET_MEAN,
    IMAGENET_SOURCE,
    IMAGENET_STD,
    MAX_CHANNELS,
    NUMBERS,
    Spec,
    is_range_of,
)

log = logging.getLogger(__name__)

AUTO_SIZE = 128


class PhotoData(ImageData):
    """A data set of image files of any kind below ``root``, with ``classes`` and ``labels`` as in ``Spec``.

    ``files``: lists of them by split, or ``all`` in one; some of the training's are looked at. ``channels``:
    auto, 3 of photos and what they have of arrays (``.npy``) and TIFF files of several pages. ``bands``:
    those that are shown, as red, green and blue, or pca, the first principal components; auto: of more than
    four pca. ``fit``: how photos are brought to the size, see ``Fit``. Raises UserError for options that do
    not fit, and images of different numbers of channels.
    """

    def __init__(
        self,
        *,
        root: Path,
        files: Mapping[str, Sequence[Path]],
        classes: tuple[str, ...],
        labels: str = CLASS,
        channels: int | Literal["auto"] = "auto",
        bands: Sequence[int] | Literal["auto", "pca"] = "auto",
        batch_size: int = 32,
        augment: str | Sequence[str] = "crop_flip",
        fit: Literal["crop", "pad", "squash"] = "crop",
        val_fraction: float = 0.15,
        test_fraction: float = 0.15,
        value_range: Sequence[float] | Literal["auto"] = "auto",
        cache: str = "~/.cache/pellucid/photos",
        cache_limit: float = 50.0,
        **given: Any,
    ) -> None:
        looked_at = _looked_at(files)
        if channels != "auto" and not 1 <= channels <= MAX_CHANNELS:
            raise UserError(f"data.channels={channels}: expected auto, or 1 to {MAX_CHANNELS}.")
        if channels == "auto":
            channels = find_channels(root, looked_at)
        check_bands(bands, channels)
        if value_range != "auto" and not is_range_of(value_range, channels):
            each = f", or as much for each of {channels} channels" if channels != 3 else ""
            raise UserError(f"data.value_range={value_range}: expected auto or [<black>,<white>]{each}.")
        check_fit(fit)
        spec = Spec(
            image_shape=(channels, AUTO_SIZE, AUTO_SIZE),
            classes=classes,
            mean=IMAGENET_MEAN,
            std=IMAGENET_STD,
            statistics=IMAGENET_SOURCE,
            value_range=None if value_range == "auto" else tuple(value_range),
            bands=() if isinstance(bands, str) else tuple(bands),
            labels=labels,
            **fitted(fit, cropped=labels != NUMBERS),  # what is cut off may count
        )
        if channels != 3:
            kind = "images, before they are split" if "all" in files else "training images"
            of = f"its {len(looked_at):,} {kind}"
            known = look(looked_at, channels, of=of, value_range=value_range, bands=bands)
            spec = replace(
                spec,
                mean=known.mean,
                std=known.std,
                statistics=known.statistics,
                value_range=known.values,
                bands=known.bands,
            )
        super().__init__(
            spec=spec,
            batch_size=batch_size,
            augment=augment,
            val_fraction=val_fraction,
            test_fraction=test_fraction,
            **given,
        )
        self.cache, self.cache_limit = Path(cache).expanduser(), cache_limit
        self.asked_range = value_range

    def load(self, root: Path, files: Mapping[str, Sequence[Path]]) -> dict[str, Photos]:
        """The pixels of those lists, and what could not be read. Raises UserError."""
        looked_at = _looked_at(files)
        if self.spec.value_range is None:
            self.spec = replace(self.spec, value_range=find_range(looked_at))
        elif self.asked_range != "auto" and self.spec.image_shape[0] == 3 and not find_deep(looked_at):
            log.warning("data.value_range is not used: none of the images looked at has more than 8 bits.")
        loaded = load_together(
            files,
            root=root,
            size=self.spec.image_shape[1:],
            channels=self.spec.image_shape[0],
            cache=self.cache,
            cache_limit=self.cache_limit,
            values=self.spec.values,
            fit=self.spec.fit,
        )
        self.left_out = sum(len(photos.broken) for photos in loaded.values())
        return loaded


def _looked_at(files: Mapping[str, Sequence[Path]]) -> Sequence[Path]:
    """Those of the training, or of all splits where they are not told apart."""
    return files.get("train", next(iter(files.values())))
