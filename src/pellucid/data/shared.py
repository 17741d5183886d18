"""Images that the runs of one process share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pellucid.data.base import ImageData

OF_A_RUN = {"batch_size", "augment"}  # options of a data set that do not decide what is read


class SharedImages:
    """What was read last, for the next run that reads the same: one data set at a time, so memory stays."""

    def __init__(self) -> None:
        self._key = ""
        self._read: dict[str, Any] = {}

    def setup(self, data: ImageData, options: Mapping[str, Any]) -> None:
        """``data.setup()``, from memory where the options and the size of the images are those of before."""
        deciding = {name: value for name, value in options.items() if name not in OF_A_RUN}
        key = json.dumps([deciding, data.spec.to_dict()], sort_keys=True, default=str)
        if data.history.manifest is not None:  # a run that goes on, with splits of its own
            key = ""
        if key and key == self._key:
            vars(data).update(self._read)
            return
        self._key, self._read = "", {}  # freed before the next one is read
        before = dict(vars(data))
        data.prepare_data()
        data.setup()
        self._read = {
            name: value for name, value in vars(data).items() if value is not before.get(name, before)
        }
        self._key = key
