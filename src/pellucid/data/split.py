"""Stratified splits, made from the seed."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pellucid.data.spec import Split
from pellucid.errors import UserError, counted
from pellucid.randomness import derive


def stratified_split(labels: Tensor, fractions: Sequence[float], seed: int) -> list[Tensor]:
    """Sorted positions of the parts: first what the fractions leave, then one part for each fraction.

    Every class is divided by the same fractions, rounded; a part with a fraction gets at least one image of
    each class, and so does the rest. Raises UserError where a class has too few images for that.
    """
    for fraction in fractions:
        if not 0 < fraction < 1:
            raise UserError(f"A split's fraction must lie between 0 and 1, got {fraction}.")
    if sum(fractions) >= 1:
        raise UserError(f"The splits' fractions {list(fractions)} leave nothing to train on.")
    parts: list[list[np.ndarray]] = [[] for _ in range(len(fractions) + 1)]
    for label in torch.unique(labels).tolist():
        places = np.flatnonzero(labels.numpy() == label)
        if len(places) <= len(fractions):
            raise UserError(
                f"Class number {label} has {counted(len(places), 'image')}, too few for {len(parts)} splits: "
                f"each needs at least {len(parts)}. Add images or leave the class out."
            )
        places = np.random.default_rng(derive(seed, "split", label)).permutation(places)
        for place, (part, fraction) in enumerate(zip(parts[1:], fractions, strict=True)):
            count = max(1, round(fraction * len(labels[labels == label])))
            count = min(count, len(places) - (len(fractions) - place))  # one for each part to come
            part.append(places[:count])
            places = places[count:]
        parts[0].append(places)
    return [torch.from_numpy(np.sort(np.concatenate(part))) for part in parts]


def with_validation(splits: dict[str, Split], fraction: float, seed: int) -> dict[str, Split]:
    """The splits with ``val`` taken from ``train``."""
    everything = splits["train"]
    train, val = stratified_split(everything.labels_N, [fraction], seed)
    return {**splits, "train": everything.subset(train), "val": everything.subset(val)}
