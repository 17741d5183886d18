"""Stratified splits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from pellucid.data.images import Split, as_digests
from pellucid.data.split import Fold, take
from pellucid.errors import UserError

NAMES = ("val", "test", "other")


def images(labels_N: Tensor, seed: int = 0) -> Split:
    """One different pixel an image, or as good as."""
    pixels = torch.randint(256, (len(labels_N), 1, 4, 4), generator=torch.Generator().manual_seed(seed))
    return Split.whole(pixels.byte(), labels_N, [f"{k}.png" for k in range(len(labels_N))])


def stratified_split(
    labels_N: Tensor, fractions: Sequence[float], seed: int, *, by_position: bool = False
) -> list[Tensor]:
    """The positions of each part."""
    split = images(labels_N)
    given: Mapping[str, float] = dict(zip(NAMES, fractions, strict=False))
    parts = take(split, given, seed, [f"class {k}" for k in range(20)], by_position=by_position)
    return [part.rows_N for part in parts.values()]


def labels(*counts: int) -> Tensor:
    """``counts[k]`` images of class k, mixed."""
    sorted_N = torch.cat([torch.full((count,), k) for k, count in enumerate(counts)])
    return sorted_N[torch.randperm(len(sorted_N), generator=torch.Generator().manual_seed(0))]


def per_class(everything: Tensor, part: Tensor, classes: int) -> list[int]:
    return torch.bincount(everything[part], minlength=classes).tolist()


def test_every_class_is_divided_by_the_same_fractions() -> None:
    everything = labels(100, 50, 10)
    train, val, test = stratified_split(everything, [0.1, 0.2], seed=0)
    assert per_class(everything, train, 3) == [70, 35, 7]
    assert per_class(everything, val, 3) == [10, 5, 1]
    assert per_class(everything, test, 3) == [20, 10, 2]


@pytest.mark.parametrize(
    ("count", "fractions", "sizes"),
    [
        (10, [0.5, 0.4], [1, 5, 4]),
        (20, [0.5, 0.45], [1, 10, 9]),
        (6, [0.34], [4, 2]),
        (10, [0.1, 0.1, 0.1], [7, 1, 1, 1]),
    ],
)
def test_the_parts_have_the_sizes_asked_for(count: int, fractions: list[float], sizes: list[int]) -> None:
    parts = stratified_split(labels(count, count), fractions, seed=0)
    assert [len(part) for part in parts] == [2 * size for size in sizes]


@pytest.mark.parametrize("fractions", [[0.01], [0.99], [0.3, 0.3], [0.01, 0.98], [0.1, 0.1, 0.7]])
def test_every_part_gets_one_image_of_every_class_at_least(fractions: list[float]) -> None:
    least = len(fractions) + 1
    everything = labels(*range(least, least + 12))
    for part in stratified_split(everything, fractions, seed=0):
        assert min(per_class(everything, part, 12)) >= 1


def test_the_parts_are_sorted_and_hold_every_image_once() -> None:
    parts = stratified_split(labels(31, 17, 9), [0.15, 0.15], seed=3)
    assert all(torch.equal(part, part.sort().values) for part in parts)
    assert torch.equal(torch.cat(parts).sort().values, torch.arange(57))


def test_the_parts_are_drawn_by_the_seed() -> None:
    everything = labels(100, 100)
    first, again, other = (stratified_split(everything, [0.2], seed=s)[1] for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_classes_are_drawn_independently_of_one_another() -> None:
    sorted_N = torch.arange(200) // 100
    val = stratified_split(sorted_N, [0.2], seed=1)[1]
    assert not torch.equal(val[:20], val[20:] - 100)


def test_no_fraction_gives_everything() -> None:
    (everything,) = stratified_split(labels(3, 1), [], seed=0)
    assert torch.equal(everything, torch.arange(4))


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5])
def test_a_fraction_outside_0_and_1_is_refused(fraction: float) -> None:
    with pytest.raises(UserError, match=r"data\.val_fraction=.*: expected more than 0 and"):
        stratified_split(labels(10), [fraction], seed=0)


def test_fractions_that_leave_nothing_are_refused() -> None:
    with pytest.raises(UserError, match="leave nothing to train on"):
        stratified_split(labels(10), [0.5, 0.5], seed=0)


def test_a_class_with_too_few_images_is_told() -> None:
    with pytest.raises(UserError, match=r"Too few different images of class 1 \(2\): train, val, test"):
        stratified_split(labels(10, 2), [0.1, 0.1], seed=0)


# --- as a function of the content --------------------------------------------------------------


def where(split: Split, seed: int = 0) -> dict[int, str]:
    """The part of each content."""
    parts = take(split, {"test": 0.15, "val": 0.15}, seed, ["a", "b", "c"])
    return {digest: name for name, part in parts.items() for digest in part.digests_N.tolist()}


@pytest.mark.parametrize("seed", range(5))
def test_an_image_that_is_added_or_removed_moves_one_other_at_each_cut_at_most(seed: int) -> None:
    everything = images(torch.arange(300) % 3)
    before = where(everything, seed)
    for removed in range(0, 300, 11):
        kept = torch.cat([torch.arange(removed), torch.arange(removed + 1, 300)])
        after = where(everything.subset(kept), seed)
        assert sum(before[digest] != name for digest, name in after.items()) <= 2


def test_neither_names_nor_order_decide() -> None:
    everything = images(torch.arange(90) % 3)
    mixed = everything.subset(torch.randperm(90, generator=torch.Generator().manual_seed(1)))
    assert where(mixed) == where(everything)


def test_exact_duplicates_stay_together_also_across_classes() -> None:
    split = images(torch.arange(90) % 3)
    twice = split.subset(torch.cat([torch.arange(90), torch.arange(0, 90, 4)]))
    labels_N = torch.cat([split.labels_N, (split.labels_N[::4] + 1) % 3])
    double = Split(twice.store, twice.rows_N, labels_N, twice.files, twice.digests_N)
    parts = take(double, {"test": 0.15, "val": 0.15}, 0, ["a", "b", "c"])
    contents = [set(part.digests_N.tolist()) for part in parts.values()]
    assert sum(map(len, contents)) == len(set.union(*contents)) == 90
    assert sum(map(len, parts.values())) == 113


def test_the_order_of_a_seed_is_splitmix64_of_the_digest() -> None:
    from pellucid.data.split import order
    from pellucid.system.seeding import derive

    def mixed(x: int) -> int:  # the reference, in whole numbers
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB % 2**64
        return x ^ (x >> 31)

    digests = [0, 1, 2**64 - 1, 0x1234567890ABCDEF]
    expected = [mixed(digest ^ derive(7, "split")) for digest in digests]
    assert order(np.array(digests, np.uint64), 7).tolist() == expected


def test_runs_of_format_1_keep_their_splits() -> None:
    """As the version of then drew them."""
    parts = stratified_split(torch.arange(30) % 2, [0.2, 0.2], seed=3, by_position=True)
    assert [part.tolist() for part in parts[1:]] == [[19, 20, 24, 25, 26, 29], [0, 5, 10, 13, 22, 23]]


def grouped(images_of_group: int, groups: int) -> Split:
    split = images(torch.arange(images_of_group * groups) % 2)
    names = [f"patient {k // images_of_group}".encode() for k in range(len(split))]
    return replace(split, groups_N=as_digests(hashlib.sha256(name).digest() for name in names))


def test_no_group_is_in_two_parts() -> None:
    parts = take(grouped(4, 30), {"val": 0.2, "test": 0.2}, 0, ["cat", "dog"]).values()
    groups = [set(part.groups_N.tolist()) for part in parts if part.groups_N is not None]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 30
    assert [len(part) for part in parts] == [72, 24, 24]


def test_one_content_in_two_groups_joins_them(caplog: pytest.LogCaptureFixture) -> None:
    split = grouped(4, 30)
    digests_N = split.digests_N.copy()
    digests_N[[3, 40, 81]] = digests_N[3]  # of patients 0, 10 and 20
    parts = take(replace(split, digests_N=digests_N), {"val": 0.3, "test": 0.3}, 1, ["cat", "dog"]).values()
    assert "3 of 30 groups, with 12 images, have the same images byte by byte" in caplog.text
    joined = [part for part in parts if "3.png" in part.files]
    assert len(joined) == 1
    assert {"40.png", "81.png", "0.png", "43.png", "80.png"} <= set(joined[0].files)


def test_a_group_that_grows_stays_where_it_is() -> None:
    split = grouped(4, 30)
    before = take(split.subset(torch.arange(4, 120)), {"val": 0.2}, 0, ["cat", "dog"])
    after = take(split.subset(torch.arange(2, 120)), {"val": 0.2}, 0, ["cat", "dog"])
    moved = set(before["val"].files) ^ set(after["val"].files)
    assert len(moved) <= 4 + 2, "one other group at most, at the cut, and the images that are new"


def test_too_few_groups_of_a_class() -> None:
    with pytest.raises(UserError, match="Too few groups with images of cat"):
        take(grouped(50, 2), {"val": 0.2, "test": 0.2}, 0, ["cat", "dog"])


def test_labels_and_numbers_are_divided_by_their_strata() -> None:
    split = images(torch.full((200,), -1))
    rare = torch.stack([torch.ones(200, dtype=torch.bool), torch.arange(200) < 20], dim=1)
    val = take(replace(split, targets_NK=rare), {"val": 0.2}, 0, ["a", "b"])["val"]
    assert len(val) == 40
    assert val.targets.sum(dim=0).tolist() == [40, 4]
    numbers = torch.arange(200.0).unsqueeze(1)
    val = take(replace(split, targets_NK=numbers), {"val": 0.2}, 0, ["angle"])["val"]
    assert torch.bincount((val.targets[:, 0] / 20).long(), minlength=10).tolist() == [4] * 10


@pytest.mark.parametrize("count", [2, 3, 5])
def test_folds_are_a_partition_with_the_classes_in_proportion(count: int) -> None:
    everything = labels(101, 50, 13)
    split = images(everything)
    folds = [take(split, {"test": Fold(k, count), "val": 0.1}, 0, ["a", "b", "c"]) for k in range(count)]
    tested = torch.cat([parts["test"].rows_N for parts in folds])
    assert sorted(tested.tolist()) == list(range(164)), "each image is tested once"
    sizes = np.array([per_class(everything, parts["test"].rows_N, 3) for parts in folds])
    assert (sizes.max(axis=0) - sizes.min(axis=0) <= 1).all()
    for parts in folds:
        assert sorted(torch.cat([part.rows_N for part in parts.values()]).tolist()) == list(range(164))
        assert min(per_class(everything, parts["val"].rows_N, 3)) >= 1


def test_folds_keep_groups_together() -> None:
    split = grouped(4, 30)
    folds = [take(split, {"test": Fold(k, 5), "val": 0.2}, 0, ["cat", "dog"])["test"] for k in range(5)]
    groups = [set(fold.groups_N.tolist()) for fold in folds if fold.groups_N is not None]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 30
    assert [len(fold) for fold in folds] == [24] * 5


@pytest.mark.parametrize(
    ("number", "count", "text"), [(5, 5, "expected 0 to 4"), (-1, 5, "0 to 4"), (0, 1, "at least 2")]
)
def test_a_fold_that_is_none(number: int, count: int, text: str) -> None:
    with pytest.raises(UserError, match=text):
        Fold(number, count)
