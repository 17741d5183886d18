"""A user's own folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from pellucid.errors import UserError
from pellucid.spec import Spec
from tests.data.build import make, read
from tests.fakes import write_photos


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "trees = [oak, elm]"
    write_photos(root, {"oak": 10, "elm": 10, "yew": 10})
    return root


def test_classes_are_found_at_construction(root: Path) -> None:
    assert make("image_folder", root=str(root)).spec.classes == ("elm", "oak", "yew")


def test_a_folder_without_classes_is_told_at_construction(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="found no class folders"):
        make("image_folder", root=str(tmp_path))


def test_a_tilde_is_the_home_folder(home: Path) -> None:
    write_photos(home / "trees", {"oak": 10, "elm": 10})
    assert len(read("image_folder", root="~/trees").splits["train"]) == 12
    assert (home / ".cache" / "pellucid" / "photos").is_dir()


def test_the_fractions_are_those_of_the_options(root: Path) -> None:
    splits = read("image_folder", root=str(root), val_fraction=0.2, test_fraction=0.3).splits
    assert {name: len(split) for name, split in splits.items()} == {"train": 15, "val": 6, "test": 9}


def test_the_source_names_the_folder(root: Path) -> None:
    assert str(root) in read("image_folder", root=str(root)).source


@pytest.mark.parametrize(
    ("kind", "most", "expected"),
    [
        (np.uint16, 4095, (0, 4095)),
        (np.float32, 1.01, (0, 1.01)),
        (np.float32, 1.0, (0, 1)),
        (np.uint8, 9, ()),
    ],
)
def test_the_range_of_deep_grey_is_one_of_the_data_set(
    tmp_path: Path, kind: type, most: float, expected: tuple[float, ...]
) -> None:
    for name in ("oak", "elm"):
        (tmp_path / "in" / name).mkdir(parents=True)
        for place in range(1, 11):
            ramp: NDArray[Any] = np.linspace(0, most * place / 10, 64).reshape(8, 8).astype(kind)
            Image.fromarray(ramp).save(tmp_path / "in" / name / f"{place}.tif")
    data = read("image_folder", root=str(tmp_path / "in"), image_size=8, fit="squash")
    assert data.spec.value_range == pytest.approx(expected)
    assert Spec.from_dict(data.spec.to_dict()).values == data.spec.value_range
    if expected:
        files = {file: i for split in data.splits.values() for i, file in enumerate(split.files)}
        (tenth,) = (split for split in data.splits.values() if "oak/1.tif" in split.files)
        assert tenth.images(torch.tensor([files["oak/1.tif"]])).max() == 25, "a tenth as bright, not white"
        given = read(
            "image_folder", root=str(tmp_path / "in"), image_size=8, fit="squash", value_range=[0, most * 2]
        )
        assert max(int(split.images().max()) for split in given.splits.values()) == 127


def test_a_range_that_is_none_is_told(root: Path) -> None:
    for given in ("auot", [1, 0], [0], ["a", "b"], [0, float("nan")]):
        with pytest.raises(UserError, match=r"data\.value_range=.*expected auto or"):
            make("image_folder", root=str(root), value_range=given)


def test_files_left_out_are_counted(root: Path) -> None:
    (root / "oak" / "bad.jpg").write_text("no picture")
    assert read("image_folder", root=str(root)).left_out == 1


def test_the_fingerprint_changes_with_a_file(root: Path) -> None:
    before = read("image_folder", root=str(root)).fingerprint()
    (root / "oak" / "000.jpg").write_bytes((root / "elm" / "001.jpg").read_bytes())
    assert read("image_folder", root=str(root)).fingerprint() != before


def test_the_fingerprint_does_not_depend_on_size_or_seed(root: Path) -> None:
    one = read("image_folder", root=str(root))
    other = read("image_folder", root=str(root), image_size=16, seed=7)
    assert one.fingerprint() == other.fingerprint()


@pytest.mark.parametrize("name", ["val", "test"])
def test_a_fraction_of_nothing_is_told(root: Path, name: str) -> None:
    with pytest.raises(UserError, match=rf"data\.{name}_fraction=0: expected more than 0.*=0\.01"):
        read("image_folder", root=str(root), **{f"{name}_fraction": 0})
    write_photos(root, {f"{split}/{tree}": 3 for split in ("train", name) for tree in ("oak", "elm")})
    read("image_folder", root=str(root), **{f"{name}_fraction": 0})


def test_too_few_images_of_a_class_are_told(root: Path) -> None:
    write_photos(root, {"birch": 1})
    with pytest.raises(
        UserError, match=r"Too few different images of birch \(1\): train, test, val take .*3 in all"
    ):
        make("image_folder", root=str(root)).setup()


def test_a_test_folder_without_photos_is_told(tmp_path: Path) -> None:
    write_photos(tmp_path / "train", {"oak": 10, "elm": 10})
    write_photos(tmp_path / "test", {"oak": 0, "elm": 0})
    data = make("image_folder", root=str(tmp_path))
    with pytest.raises(UserError, match=r"The test split of folder .* has no images"):
        data.setup()
