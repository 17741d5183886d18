"""Which images a run was trained on, kept in a file."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pellucid.data.divide import History, divide
from pellucid.data.images import as_digests
from pellucid.data.manifest import Manifest
from pellucid.errors import UserError
from tests.data.splits import CLASSES, FRACTIONS, again, first, joined, named, pool, without


def test_images_that_were_trained_on_stay_known_when_a_run_goes_on() -> None:
    before = first(pool())
    manifest = Manifest.of(before)
    later = manifest.merged(again(without(pool(), 1), before).splits)
    assert later is manifest
    grown = manifest.merged(again(joined(pool(), pool(1, seed=1)), before).splits)
    assert len(grown.files) == 201
    assert set(manifest.rows) < set(grown.rows)


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    odd = named(pool(), 0, "cat/caf\udce9.png")
    manifest = Manifest.of(first(odd))
    manifest.save(tmp_path / "splits.npz")
    read = Manifest.load(tmp_path / "splits.npz")
    assert read is not None
    assert read.rows == manifest.rows
    assert np.array_equal(read.splits_R, manifest.splits_R)
    assert Manifest.load(tmp_path / "none.npz") is None


@pytest.mark.parametrize("name", ["digest", "split", "label", "files"])
@pytest.mark.parametrize("change", ["gone", "kind", "shape", "length", "range"])
def test_a_damaged_one_is_told(tmp_path: Path, name: str, change: str) -> None:
    path = tmp_path / "splits.npz"
    Manifest.of(first(pool())).save(path)
    with np.load(path) as found:
        arrays = dict(found)
    before = arrays.pop(name)
    if change == "range" and name in ("digest", "files"):
        pytest.skip("any value is one")
    changed = {
        "kind": before.astype(np.float32),
        "shape": before.reshape(1, -1),
        "length": before[: len(before) // 2],
        "range": np.array([200 if name == "split" else -1] * len(before)).astype(before.dtype),
    }
    np.savez(path, **arrays, **({name: changed[change]} if change in changed else {}))
    with pytest.raises(UserError, match=r"splits.npz is damaged"):
        Manifest.load(path)


def test_new_images_of_a_known_group_go_where_it_is(tmp_path: Path) -> None:
    names = [f"patient {k // 4}".encode() for k in range(200)]
    everything = replace(pool(), groups_N=as_digests(hashlib.sha256(name).digest() for name in names))
    before = first(without(everything, *range(0, 200, 4)))
    Manifest.of(before).save(tmp_path / "splits.npz")
    history = History(Manifest.load(tmp_path / "splits.npz"))
    after = divide({"all": everything}, FRACTIONS, 0, CLASSES, history).splits
    for name, split in after.items():
        groups_N, before_N = split.groups_N, before[name].groups_N
        assert groups_N is not None
        assert before_N is not None
        assert set(groups_N.tolist()) == set(before_N.tolist())
    assert sum(len(split) for split in after.values()) == 200


def test_images_without_a_class_are_known_by_what_they_have() -> None:
    numbers = replace(pool(), labels_N=torch.full((200,), -1), targets_NK=torch.rand(200, 2))
    before = first(without(numbers, 7))
    assert not again(without(numbers, 7), before).changes
    assert again(numbers, before).changes.counts() == {"added": 1}
    assert numbers.targets_NK is not None
    changed = replace(numbers, targets_NK=numbers.targets_NK.clone())
    changed.targets[3] += 1
    assert again(without(changed, 7), before).changes.counts() == {"relabelled": 1}
