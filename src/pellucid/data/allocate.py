"""Room for a large array: in memory, or in a file that nobody else sees."""

from __future__ import annotations

import math
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor


def allocate(shape: Sequence[int], kind: type[np.generic], folder: Path) -> Tensor:
    """A tensor of that shape and kind, mapped from a file in the folder, which lives as long as the tensor.

    Raises OSError where there is no room.
    """
    with tempfile.TemporaryFile(dir=folder) as file:  # it lives on as long as it is mapped
        if sys.platform == "linux":  # so that a full disk is told now, not by a signal later
            os.posix_fallocate(file.fileno(), 0, math.prod(shape) * np.dtype(kind).itemsize)
        return torch.from_numpy(np.memmap(file, kind, "w+", shape=tuple(shape)))
