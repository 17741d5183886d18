"""Randomness as a function: every draw comes from a seed and a place, and nothing is carried along.

So a run that was killed and resumed draws what one never interrupted would have drawn, and drawing a
picture in between shifts nothing.
"""

import hashlib
import random

import numpy as np
import torch


def derive(seed: int, *path: int | str) -> int:
    """A seed of 63 bits for that place, e.g. ``derive(seed, "order", epoch)``; every bit well mixed."""
    text = "/".join(str(part) for part in (seed, *path))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def generator(seed: int, *path: int | str) -> torch.Generator:
    """A CPU generator that starts from ``derive(seed, *place)``."""
    return torch.Generator().manual_seed(derive(seed, *path))


def seed_global(seed: int, *path: int | str) -> None:
    """Set the global generators of Python, NumPy and torch, which dropout and initialisation use."""
    value = derive(seed, *path)
    random.seed(value)
    np.random.seed(value % 2**32)  # noqa: NPY002  the legacy generator is what libraries use
    torch.manual_seed(value)


def seed_step(seed: int, device: torch.device, *path: int | str) -> None:
    """Set the generator that dropout on ``device`` draws from; cheap enough for every step."""
    value = derive(seed, *path)
    torch.default_generator.manual_seed(value)
    if device.type == "cuda":
        torch.cuda.default_generators[device.index or 0].manual_seed(value)
    elif device.type == "mps":
        torch.mps.manual_seed(value)
