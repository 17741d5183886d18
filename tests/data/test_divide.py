"""How a data set is divided, and what is told when its images have changed since the training."""

from __future__ import annotations

import pytest
import torch

from pellucid.data.divide import History, Shares, divide
from pellucid.data.manifest import Manifest
from pellucid.data.split import Fold
from pellucid.errors import UserError
from tests.data.splits import CLASSES, FRACTIONS, again, first, joined, named, parts, pool, without

CHANGED = {
    "1 added (cat/1000.png)": lambda s: joined(s, pool(1, seed=1)),
    "1 removed (dog/0001.png)": lambda s: without(s, 1),
    "1 renamed (cat/0004.png to cat/new.png)": lambda s: named(s, 4, "cat/new.png"),
    "1 relabelled (dog/0004.png (was cat))": lambda s: named(s, 4, "dog/0004.png", label=1),
    "1 copied (cat/copy.png (as cat/0004.png))": lambda s: joined(
        s, named(s.subset(torch.tensor([4])), 0, "cat/copy.png")
    ),
    "1 changed (cat/0004.png)": lambda s: joined(without(s, 4), named(pool(1, seed=1), 0, "cat/0004.png")),
}


@pytest.mark.parametrize("told", CHANGED)
@pytest.mark.parametrize("seed", range(8))
def test_no_change_of_one_moves_another_and_each_is_told(told: str, seed: int) -> None:
    before = first(pool(), seed)
    divided = again(CHANGED[told](pool()), before, seed)
    old, new = parts(before), parts(divided.splits)
    assert all(new[digest] == old[digest] for digest in new.keys() & old.keys())
    assert divided.changes.summary() == told
    assert not divided.trained_on


def test_without_changes_nothing_is_told() -> None:
    before = first(pool())
    divided = again(pool(), before)
    assert parts(divided.splits) == parts(before)
    assert not divided.changes


def test_a_photo_that_was_edited_stays_where_it_was() -> None:
    before = first(pool())
    for name, split in before.items():
        edited = named(pool(1, seed=1), 0, split.files[0])
        divided = again(joined(without(pool(), pool().files.index(split.files[0])), edited), before)
        assert parts(divided.splits)[int(edited.digests_N[0])] == name


def test_new_images_are_divided_by_the_fractions() -> None:
    before = first(pool(2000))
    divided = again(joined(pool(2000), pool(2000, seed=1)), before)
    counts = {name: len(split) - len(before[name]) for name, split in divided.splits.items()}
    for name in ("val", "test"):
        assert abs(counts[name] - 300) < 4 * (2000 * 0.15 * 0.85) ** 0.5


def test_an_image_that_moved_from_train_to_test_is_left_out_and_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    train, test = pool(40), pool(10, seed=1)
    before = divide({"train": train, "test": test}, FRACTIONS, 0, CLASSES, History()).splits
    moved = before["train"].subset(torch.tensor([3]))
    found = {"train": without(train, train.files.index(moved.files[0])), "test": joined(test, moved)}
    left_out = divide(found, FRACTIONS, 0, CLASSES, History(Manifest.of(before)))
    assert len(left_out.splits["test"]) == 10
    assert left_out.trained_on == {"test": [moved.files[0]]}
    said = "1 of the 11 test images are training images as well, byte by byte, and are"
    assert f"{said} left out: {moved.files[0]}" in caplog.text
    counted = divide(found, FRACTIONS, 0, CLASSES, History(Manifest.of(before), count_trained=True))
    assert len(counted.splits["test"]) == 11
    assert counted.trained_on == left_out.trained_on


def test_other_images_are_all_test_images_but_those_that_were_trained_on() -> None:
    before = first(pool())
    known = before["train"].subset(torch.arange(5))
    divided = again(joined(pool(50, seed=1), known), before, elsewhere=True)
    assert {name: len(split) for name, split in divided.splits.items()} == {"test": 50}
    assert divided.trained_on == {"test": list(known.files)}
    assert not divided.changes


def test_images_that_have_moved_are_the_runs_own() -> None:
    before = first(pool())
    divided = again(without(pool(), 1, 2, 3), before, elsewhere=True)
    assert divided.splits.keys() == before.keys()


def test_test_images_that_are_training_images_are_never_counted(caplog: pytest.LogCaptureFixture) -> None:
    """Neither in the training, nor when it is come back to, nor when one is copied to the training images."""
    train, fractions = pool(40), {"val": 0.1, "test": None}
    found = {"train": train, "test": joined(pool(10, seed=1), train.subset(torch.tensor([7])))}
    first = divide(found, fractions, 0, CLASSES, History())
    said = "1 of the 11 test images are training images as well, byte by byte, and are left out"
    assert f"{said}: {train.files[7]}" in caplog.text
    again = divide(found, fractions, 0, CLASSES, History(manifest := Manifest.of(first.complete)))
    for divided in (first, again):
        assert len(divided.splits["test"]) == 10
        assert divided.trained_on == {"test": [train.files[7]]}
        assert not divided.changes
    copied = named(found["test"].subset(torch.tensor([2])), 0, "train/copy.png")
    grown = {"train": joined(train, copied), "test": found["test"]}
    later = divide(grown, fractions, 0, CLASSES, History(manifest))
    assert "1 moved (train/copy.png (to train from test))" in later.changes.summary()
    assert len(later.splits["test"]) == 9
    after = divide(grown, fractions, 0, CLASSES, History(manifest.merged(later.complete)))
    assert len(after.splits["test"]) == 9
    assert not after.changes


def test_where_nothing_is_left_to_test_on_it_is_told() -> None:
    with pytest.raises(UserError, match="All val images are training images as well"):
        divide(dict.fromkeys(("train", "val", "test"), pool(40)), FRACTIONS, 0, CLASSES, History())


def test_a_part_of_a_runs_images_elsewhere_is_tested_whole() -> None:
    before = first(pool())
    test = before["test"]
    divided = again(joined(test, pool(5, seed=1)), before, elsewhere=True)
    assert {name: len(split) for name, split in divided.splits.items()} == {"test": len(test) + 5}
    history = History(Manifest.of(before), elsewhere=True)
    alone = divide({"test": test}, FRACTIONS, 0, CLASSES, history)
    assert len(alone.splits["test"]) == len(test)


def test_a_fold_is_of_the_training_images_and_kept(caplog: pytest.LogCaptureFixture) -> None:
    shares: Shares = {"val": 0.2, "test": Fold(1, 4)}
    found = {"train": pool(200), "test": pool(40, seed=1)}
    with caplog.at_level("INFO"):
        first = divide(found, shares, 0, CLASSES, History())
    assert "The 40 test images that the data have are not used" in caplog.text
    assert [len(first.splits[name]) for name in ("train", "val", "test")] == [120, 30, 50]
    assert set(first.splits["test"].files) <= set(found["train"].files)
    again = divide(found, shares, 0, CLASSES, History(Manifest.of(first.complete)))
    assert again.splits["test"].files == first.splits["test"].files
    assert not again.changes
