"""Cats and dogs, from whichever source can be had."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
from pathlib import Path

import pytest
import torch
from torchvision import datasets

from pellucid.data.base import ImageData
from pellucid.data.images import Split
from pellucid.errors import UserError
from tests.data.build import make, read
from tests.data.conftest import Serve
from tests.data.photos import tensor
from tests.fakes import write_pets, write_photos


@pytest.fixture(autouse=True)
def few_drawings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.data.catdog.DRAWN", {"train": 10, "test": 4})


def sizes(data: ImageData) -> dict[str, int]:
    return {name: len(split) for name, split in data.splits.items()}


def brightness(split: Split, label: int) -> float:
    return float(split.images(torch.where(split.labels_N == label)[0]).float().mean())


@pytest.mark.parametrize("source", ["folder", "auto"])
def test_a_folder_of_photos_is_used_where_there_is_one(photos: Path, source: str) -> None:
    data = read("catdog", root=str(photos), source=source)
    assert data.source == f"folder {photos}"
    assert sizes(data) == {"train": 34, "val": 6, "test": 16}
    assert data.splits["test"].files[0] == "test/cat/000.jpg"


def test_cat_is_0_and_dog_is_1(photos: Path) -> None:
    split = read("catdog", root=str(photos)).splits["train"]
    assert [file.split("/")[1] for file in split.files] == [
        ("cat", "dog")[k] for k in split.labels_N.tolist()
    ]
    assert brightness(split, 0) < 100 < brightness(split, 1)


def test_a_validation_folder_is_used_where_there_is_one(tmp_path: Path) -> None:
    for split, count in (("train", 5), ("val", 3), ("test", 2)):
        write_photos(tmp_path / split, {"cat": count, "dog": count}, seed=count)
    assert sizes(read("catdog", root=str(tmp_path))) == {"train": 10, "val": 6, "test": 4}


@pytest.mark.parametrize("source", ["folder", "auto"])
def test_other_classes_are_told_at_construction(tmp_path: Path, source: str) -> None:
    for split in ("train", "test"):
        write_photos(tmp_path / split, {"cats": 2, "dogs": 2})
    with pytest.raises(UserError, match=r"found .* with cats, dogs\. Expected .*data=image_folder"):
        make("catdog", root=str(tmp_path), source=source)


@pytest.mark.parametrize("splits", [("train",), ("train", "val")])
def test_a_missing_test_folder_is_told(tmp_path: Path, splits: tuple[str, ...]) -> None:
    for split in splits:
        write_photos(tmp_path / split, {"cat": 2, "dog": 2})
    with pytest.raises(UserError, match=r"have train.* but no test images\. Expected <root>/\{train,test\}"):
        read("catdog", root=str(tmp_path))


def test_a_missing_folder_is_told_where_it_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such folder"):
        make("catdog", root=str(tmp_path / "none"), source="folder")


def test_an_unknown_source_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.source=web: expected auto, folder, pets or drawn"):
        make("catdog", source="web")


# --- drawn -----------------------------------------------------------------------------------


def test_drawings_need_neither_folder_nor_network(tmp_path: Path) -> None:
    data = read("catdog", root=str(tmp_path / "none"), source="drawn")
    assert sizes(data) == {"train": 16, "val": 4, "test": 8}
    assert data.source == "drawn cat and dog faces, not photos"
    assert not (tmp_path / "none").exists()


def test_no_drawing_is_in_two_splits() -> None:
    splits = read("catdog", source="drawn").splits
    drawings = [
        image.numpy().tobytes()
        for split in splits.values()
        for image in split.images(torch.arange(len(split)))
    ]
    assert len(set(drawings)) == len(drawings) == 28


def test_the_seed_moves_drawings_between_train_and_validation_only() -> None:
    one, other = (read("catdog", source="drawn", seed=seed).splits for seed in (1, 2))
    assert torch.equal(tensor(one["test"].store), tensor(other["test"].store))
    assert torch.equal(tensor(one["train"].store), tensor(other["train"].store))


def test_auto_without_network_draws_and_says_so_loudly(tmp_path: Path, log: pytest.LogCaptureFixture) -> None:
    root = tmp_path / "none"
    data = read("catdog", root=str(root), source="auto")
    assert data.source == "drawn cat and dog faces, not photos"
    assert sizes(data) == {"train": 16, "val": 4, "test": 8}
    why, loud = log.records
    assert why.levelname == loud.levelname == "WARNING"
    assert "Oxford-IIIT Pet is not in" in why.getMessage()
    assert "could not be downloaded" in why.getMessage()
    assert loud.getMessage().startswith(f"DRAWN DATA: no photos were found at data.root={root}")
    assert "says nothing about photos" in loud.getMessage()
    assert not root.exists()


# --- Oxford-IIIT Pet -------------------------------------------------------------------------


def test_pets_without_network_name_the_layout(tmp_path: Path) -> None:
    root = tmp_path / "none"
    with pytest.raises(
        UserError, match=r"Oxford-IIIT Pet is not in .*train/\{cat,dog\} and test/\{cat,dog\}"
    ):
        read("catdog", root=str(root), source="pets")
    assert not root.exists()


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """A root with Oxford-IIIT Pet: 20 cats and 20 dogs, and 6 and 6 for the test."""
    write_pets(tmp_path / "pets", {"trainval": 20, "test": 6})
    return tmp_path / "pets"


@pytest.mark.parametrize("source", ["pets", "auto"])
def test_pets_that_are_there_are_used(pets: Path, source: str) -> None:
    data = read("catdog", root=str(pets), source=source)
    assert data.source == "Oxford-IIIT Pet"
    assert sizes(data) == {"train": 34, "val": 6, "test": 12}
    for split in data.splits.values():
        assert [("Abyssinian" in file, "beagle" in file).index(True) for file in split.files] == (
            split.labels_N.tolist()
        )
        assert brightness(split, 0) < 100 < brightness(split, 1)


def test_trainval_is_for_training_and_test_for_testing(pets: Path) -> None:
    splits = read("catdog", root=str(pets), source="pets").splits
    rows = (pets / "oxford-iiit-pet" / "annotations" / "test.txt").read_text().split("\n")
    assert [Path(file).stem for file in splits["test"].files] == [row.split()[0] for row in rows if row]


@pytest.fixture
def site(pets: Path, tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The publisher's archives, where torchvision downloads them from."""
    site = tmp_path / "site"
    site.mkdir()
    address, resources = serve(site), []
    for name in ("images", "annotations"):
        archive = site / f"{name}.tar.gz"
        with tarfile.open(archive, "w:gz") as tar:
            tar.add(pets / "oxford-iiit-pet" / name, name)
        resources.append((address + archive.name, hashlib.md5(archive.read_bytes()).hexdigest()))
    monkeypatch.setattr(datasets.OxfordIIITPet, "_RESOURCES", resources)
    return site


def test_pets_are_downloaded_once(site: Path, pets: Path, tmp_path: Path) -> None:
    data = read("catdog", root=str(tmp_path / "new"), source="auto")
    assert data.source == "Oxford-IIIT Pet"
    assert data.fingerprint() == read("catdog", root=str(pets), source="pets").fingerprint()
    shutil.rmtree(site)
    read("catdog", root=str(tmp_path / "new"), source="pets")


@pytest.mark.parametrize("source", ["pets", "auto"])
def test_one_process_alone_downloads(site: Path, tmp_path: Path, source: str) -> None:
    data = make("catdog", root=str(tmp_path / "new"), source=source)
    data.prepare_data()  # which Lightning calls in one process
    assert (tmp_path / "new" / "oxford-iiit-pet" / "annotations" / "test.txt").is_file()


def test_a_damaged_photo_of_a_pet_is_left_out(pets: Path, log: pytest.LogCaptureFixture) -> None:
    (pets / "oxford-iiit-pet" / "images" / "beagle_3.jpg").write_text("no picture")
    data = read("catdog", root=str(pets), source="pets")
    assert data.left_out == 1
    assert sum(sizes(data).values()) == 51
    assert "beagle_3.jpg" in log.text
    split = data.splits["train"]
    assert ["beagle" in file for file in split.files] == split.labels_N.bool().tolist()


def test_a_missing_photo_of_a_pet_is_left_out(pets: Path, log: pytest.LogCaptureFixture) -> None:
    (pets / "oxford-iiit-pet" / "images" / "beagle_3.jpg").unlink()
    data = read("catdog", root=str(pets), source="pets")
    assert data.left_out == 1
    assert "beagle_3.jpg" in log.text


# --- real photos -----------------------------------------------------------------------------


@pytest.mark.real
def test_the_real_photos_are_1000_and_200(real_data: Path) -> None:
    data = read("catdog", root=str(real_data / "catdog"), source="folder")
    assert sizes(data) == {"train": 850, "val": 150, "test": 200}
    assert torch.bincount(data.splits["test"].labels_N).tolist() == [100, 100]
    assert torch.bincount(data.splits["val"].labels_N).tolist() == [75, 75]
    assert data.left_out == 0
