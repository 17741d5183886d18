"""Lists of image files as data sets, with the options that all such have."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.data.image_folder import ImageFolder
from pellucid.data.photo_data import PhotoData
from pellucid.data.table import Table
from pellucid.errors import UserError
from tests.fakes import write_photos


@pytest.fixture
def bands(tmp_path: Path) -> Path:
    """Arrays of five channels in two class folders, and a table that lists them."""
    noise, lines = np.random.default_rng(0), ["file,kind"]
    for kind in ("water", "wood"):
        (tmp_path / "root" / kind).mkdir(parents=True)
        for k in range(12):
            name = f"{kind}/{k}.npy"
            np.save(tmp_path / "root" / name, noise.integers(0, 4000, (16, 24, 5), np.uint16))
            lines.append(f"{name},{kind}")
    (tmp_path / "root" / "labels.csv").write_text("\n".join(lines))
    return tmp_path / "root"


def test_a_folder_and_a_table_of_the_same_arrays_are_the_same(bands: Path, tmp_path: Path) -> None:
    given: Mapping[str, Any] = {"image_size": [8, 12], "cache": str(tmp_path / "cache")}
    pair: list[PhotoData] = [
        ImageFolder(root=str(bands), **given),
        Table(path=str(bands / "labels.csv"), label="kind", **given),
    ]
    for data in pair:
        data.setup()
    folder, table = pair
    assert folder.spec == table.spec
    assert folder.spec.image_shape == (5, 8, 12)
    for name in ("train", "val", "test"):
        ours, theirs = folder.splits[name], table.splits[name]
        assert sorted(ours.files) == sorted(theirs.files)
        order = [theirs.files.index(file) for file in ours.files]
        assert ours.images().equal(theirs.images()[order])


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"channels": 0}, "data.channels=0: expected auto, or 1 to"),
        ({"value_range": [5, 1]}, r"data.value_range=\[5, 1\]: expected auto or"),
        ({"bands": [0, 1]}, r"data.bands=\[0, 1\]: expected auto, one channel or three"),
    ],
)
def test_options_that_do_not_fit(options: Mapping[str, Any], text: str, tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", {"oak": 3, "elm": 3})
    with pytest.raises(UserError, match=text):
        ImageFolder(root=str(tmp_path / "photos"), **options)


def test_what_cannot_be_read_is_counted(tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", {"oak": 12, "elm": 12})
    (tmp_path / "photos" / "oak" / "broken.jpg").write_bytes(b"no photo")
    data = ImageFolder(root=str(tmp_path / "photos"), image_size=8, cache=str(tmp_path / "cache"))
    data.setup()
    assert data.left_out == 1
    assert sum(len(split) for split in data.splits.values()) == 24
