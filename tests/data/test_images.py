"""Subsets of splits, and what is known of their images."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pellucid.data.images import Split, as_digests, describe, numbered
from pellucid.errors import UserError
from pellucid.inside.images import UNKNOWN
from pellucid.spec import Spec
from tests.data.photos import tensor


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
    assert int(tensor(split.store).sum()) == 0


def unlabelled(targets_NK: torch.Tensor) -> Split:
    count = len(targets_NK)
    store = torch.arange(count, dtype=torch.uint8).view(count, 1, 1, 1)
    split = Split.whole(store, torch.full((count,), UNKNOWN), numbered("all", count))
    return replace(split, targets_NK=targets_NK)


def test_a_subset_keeps_all_that_is_known_of_an_image() -> None:
    split = replace(
        unlabelled(torch.tensor([[1.0], [2.0], [3.0]])),
        groups_N=as_digests([b"patient 1", b"patient 1", b"patient 2"]),
        weights_N=torch.tensor([1.0, 0.5, 2.0]),
    )
    part = split.subset(torch.tensor([2, 0]))
    assert part.targets.tolist() == [[3.0], [1.0]]
    assert part.weights_N is not None
    assert part.weights_N.tolist() == [2.0, 1.0]
    assert part.groups_N is not None
    assert split.groups_N is not None
    assert part.groups_N.tolist() == split.groups_N[[2, 0]].tolist()
    assert part.pick(torch.tensor([1]), ["angle"]).names == ["1"]


def test_labels_and_numbers_in_words() -> None:
    assert describe(torch.tensor([True, False, True]), ["cat", "dog", "hen"]) == "cat, hen"
    assert describe(torch.tensor([False]), ["cat"]) == "none"
    assert describe(torch.tensor([34.25]), ["angle"]) == "34.25"
    assert describe(torch.tensor([1.5, -2.0]), ["x", "y"]) == "x 1.5, y -2"


def test_strata_of_several_labels_are_the_rarest_and_of_numbers_their_tenths() -> None:
    often, rare = torch.tensor([[True, False]] * 30), torch.tensor([[True, True]] * 12)
    nothing = torch.tensor([[False, False]] * 3)  # too few for a stratum
    strata_N = unlabelled(torch.cat([often, rare, nothing])).strata_N
    assert strata_N.tolist() == [0] * 30 + [1] * 12 + [UNKNOWN - 1] * 3
    strata_N = unlabelled(torch.randperm(200).float().unsqueeze(1)).strata_N
    assert torch.bincount(strata_N).tolist() == [20] * 10


def test_codes_tell_rows_apart() -> None:
    codes_N = unlabelled(torch.tensor([[0.5, 1.0], [1.0, 0.5], [0.5, 1.0]])).codes_N
    assert codes_N[0] == codes_N[2] != codes_N[1]
    assert codes_N.max() < 2**31


@pytest.mark.parametrize(
    ("labels", "targets_NK"),
    [
        ("multilabel", torch.tensor([[1.0, 0.0]])),
        ("multilabel", torch.tensor([[True]])),
        ("numbers", torch.tensor([[True, True]])),
        ("class", torch.tensor([[True, True]])),
    ],
)
def test_what_is_known_is_what_the_spec_says(labels: str, targets_NK: torch.Tensor) -> None:
    spec = Spec((1, 1, 1), ("a", "b"), (0.5,), (0.5,), "test", labels=labels)
    with pytest.raises(UserError, match="for each image"):
        unlabelled(targets_NK).check("Own.read", spec)
    good = torch.zeros(3, 2, dtype=torch.bool if labels == "multilabel" else torch.float32)
    if labels != "class":
        unlabelled(good).check("Own.read", spec)
