"""Random generators that an object holds, put back as they were."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from pellucid.discovery.walk import reachable
from pellucid.inside.preserve_state import preserve_random_state


@contextmanager
def preserve_generators(device: torch.device, *holders: Any) -> Iterator[None]:
    """Draw within from the global generators, or from those that the holders hold, as if nobody had."""
    held = list(reachable(*holders))
    ours = [(one, one.getstate()) for one in held if isinstance(one, random.Random)]
    numpy = [(one, one.bit_generator.state) for one in held if isinstance(one, np.random.Generator)]
    legacy = [(one, one.get_state()) for one in held if isinstance(one, np.random.RandomState)]
    torchs = [(one, one.get_state()) for one in held if isinstance(one, torch.Generator)]
    try:
        with preserve_random_state(device):
            yield
    finally:
        for python_one, state in ours:
            python_one.setstate(state)
        for numpy_one, numpy_state in numpy:
            numpy_one.bit_generator.state = numpy_state
        for legacy_one, legacy_state in legacy:
            legacy_one.set_state(legacy_state)
        for torch_one, torch_state in torchs:
            torch_one.set_state(torch_state)
