"""Subsets of splits."""

from __future__ import annotations

import torch

from pellucid.data.images import Split, numbered


def test_a_subset_of_a_subset_names_the_images_of_the_store() -> None:
    store = torch.arange(6, dtype=torch.uint8).view(6, 1, 1, 1)
    labels = torch.tensor([0, 1, 2, 3, 4, 5])
    whole = Split.whole(store, labels, numbered("train", 6))
    part = whole.subset(torch.tensor([5, 3, 1])).subset(torch.tensor([2, 0]))
    assert part.files == ["train/00001", "train/00005"]
    assert part.labels_N.tolist() == [1, 5]
    assert part.images(torch.tensor([1, 0])).flatten().tolist() == [5, 1]
    assert part.store is store


def test_images_are_copies() -> None:
    split = Split.whole(torch.zeros(2, 1, 1, 1, dtype=torch.uint8), torch.zeros(2), ["a", "b"])
    split.images(torch.tensor([0])).fill_(9)
    assert int(split.store.sum()) == 0
