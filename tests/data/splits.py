"""Images of two classes, and what becomes of them between a training and the next."""

from __future__ import annotations

from dataclasses import replace

import torch

from pellucid.data.divide import Division, History, divide
from pellucid.data.images import Split
from pellucid.data.manifest import Manifest

CLASSES = ("cat", "dog")


FRACTIONS = {"val": 0.15, "test": 0.15}


def pool(count: int = 200, seed: int = 0) -> Split:
    """Images of two classes, all different."""
    pixels = torch.randint(256, (count, 3, 4, 4), generator=torch.Generator().manual_seed(seed))
    labels_N = torch.arange(count) % 2
    files = [f"{CLASSES[label]}/{seed}{k:03}.png" for k, label in enumerate(labels_N.tolist())]
    return Split.whole(pixels.byte(), labels_N, files)


def without(split: Split, *gone: int) -> Split:
    return split.subset(torch.tensor([k for k in range(len(split)) if k not in gone]))


def named(split: Split, index: int, file: str, label: int | None = None) -> Split:
    """The split with another name, and another class, for one image."""
    files, labels_N = list(split.files), split.labels_N.clone()
    files[index] = file
    labels_N[index] = split.labels_N[index] if label is None else label
    return replace(split, files=files, labels_N=labels_N)


def joined(one: Split, other: Split) -> Split:
    return Split.whole(
        torch.cat([one.store[one.rows_N], other.store[other.rows_N]]),
        torch.cat([one.labels_N, other.labels_N]),
        [*one.files, *other.files],
    )


def first(split: Split, seed: int = 0) -> dict[str, Split]:
    return divide({"all": split}, FRACTIONS, seed, CLASSES, History()).splits


def again(split: Split, before: dict[str, Split], seed: int = 0, *, elsewhere: bool = False) -> Division:
    history = History(Manifest.of(before), elsewhere=elsewhere)
    return divide({"all": split}, FRACTIONS, seed, CLASSES, history)


def parts(splits: dict[str, Split]) -> dict[int, str]:
    """The split of each content."""
    return {digest: name for name, split in splits.items() for digest in split.digests_N.tolist()}
