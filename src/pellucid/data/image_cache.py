"""A cache of images that the runs of one process share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pellucid.data.base import ImageData
from pellucid.data.divide import History

# Options of a data set that do not decide what is read.
OF_A_RUN = {"batch_size", "augment", "augment_options", "repeats", "train_size"}


class ImageCache:
    """The images read last, for the next run that reads the same: one data set at a time, so memory stays."""

    def __init__(self) -> None:
        self._key = ""
        self._read: Mapping[str, Any] = {}

    def setup(
        self,
        data: ImageData,
        options: Mapping[str, Any],
        *,
        history: History | None = None,
        device_images: float = 0.0,
    ) -> None:
        """``data.setup()``, from memory where the options and the size of the images are those of before.

        With a ``history``, of a run that goes on with splits of its own, they are read.
        """
        deciding = {name: value for name, value in options.items() if name not in OF_A_RUN}
        key = json.dumps([deciding, data.spec.to_dict()], sort_keys=True, default=str)
        if key == self._key and history is None:
            data.setup(read=self._read, device_images=device_images)
            return
        self._key, self._read = "", {}  # freed before the next one is read
        data.prepare_data()
        data.setup(history=history, device_images=device_images)
        if history is None:
            self._key, self._read = key, data.was_read
