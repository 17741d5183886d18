"""Which images a run was trained on, kept in a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pellucid.data.manifest import Manifest
from pellucid.errors import UserError
from tests.data.splits import again, first, joined, named, pool, without


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
