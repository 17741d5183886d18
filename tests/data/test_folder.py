"""Trees of photos: which layouts are understood, and what is said about the others."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
import torch

from pellucid.data.divide import History, divide
from pellucid.data.folder import PhotoFolder
from pellucid.data.images import Split
from pellucid.data.photos import load_together
from pellucid.errors import UserError
from tests.fakes import write_photos


def load(root: Path) -> tuple[dict[str, Split], int]:
    folder = PhotoFolder.find(root)
    loaded = load_together(folder.paths, root=root, size=8, cache=root.parent / "cache", cache_limit=1.0)
    return folder.labelled(loaded), sum(len(photos.broken) for photos in loaded.values())


def read(root: Path, test_fraction: float | None = 0.1) -> dict[str, Split]:
    fractions = {"val": 0.2, "test": test_fraction}
    return divide(load(root)[0], fractions, 0, PhotoFolder.find(root).classes, History()).splits


def sizes(splits: dict[str, Split]) -> dict[str, int]:
    return {name: len(split) for name, split in splits.items()}


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    monkeypatch.setattr(logging.getLogger("pellucid"), "propagate", True)
    return caplog


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


def test_class_folders_alone_are_split_in_three(root: Path) -> None:
    write_photos(root, {"oak": 20, "elm": 10})
    assert sizes(read(root)) == {"train": 21, "val": 6, "test": 3}


def test_with_train_and_test_validation_is_taken_from_train(root: Path) -> None:
    write_photos(root / "train", {"oak": 20, "elm": 10})
    write_photos(root / "test", {"oak": 4, "elm": 5}, seed=1)
    splits = read(root)
    assert sizes(splits) == {"train": 24, "val": 6, "test": 9}
    assert {file.split("/")[0] for file in splits["val"].files} == {"train"}


def test_with_train_and_validation_the_test_is_taken_from_train(root: Path) -> None:
    write_photos(root / "train", {"oak": 20, "elm": 10})
    write_photos(root / "val", {"oak": 4, "elm": 5}, seed=1)
    splits = read(root)
    assert sizes(splits) == {"train": 27, "val": 9, "test": 3}
    assert {file.split("/")[0] for file in splits["test"].files} == {"train"}


def test_train_alone_is_split_in_three(root: Path) -> None:
    write_photos(root / "train", {"oak": 20, "elm": 10})
    assert sizes(read(root)) == {"train": 21, "val": 6, "test": 3}


@pytest.mark.parametrize(
    "names",
    [
        ("train", "val", "test"),
        ("training", "valid", "testing"),
        ("Train", "validation", "TEST"),
    ],
)
def test_three_folders_are_taken_as_they_are(root: Path, names: tuple[str, str, str]) -> None:
    for name, count in zip(names, (5, 3, 2), strict=True):
        write_photos(root / name, {"oak": count, "elm": count}, seed=count)
    splits = read(root)
    assert sizes(splits) == {"train": 10, "val": 6, "test": 4}
    for split, name in zip(("train", "val", "test"), names, strict=True):
        assert {file.split("/")[0] for file in splits[split].files} == {name}


def test_without_a_test_fraction_no_test_is_taken(root: Path) -> None:
    write_photos(root / "train", {"oak": 10, "elm": 10})
    write_photos(root / "test", {"oak": 2, "elm": 2}, seed=1)
    assert sizes(read(root, test_fraction=None)) == {"train": 16, "val": 4, "test": 4}


def test_classes_are_sorted_and_number_the_labels(root: Path) -> None:
    write_photos(root, {"yew": 4, "elm": 4, "oak": 4})
    assert PhotoFolder.find(root).classes == ("elm", "oak", "yew")
    for split in read(root).values():
        names = [("elm", "oak", "yew")[label] for label in split.labels_N.tolist()]
        assert [file.split("/")[0] for file in split.files] == names


def test_a_test_folder_may_lack_a_class(root: Path) -> None:
    write_photos(root / "train", {"elm": 5, "oak": 5, "yew": 5})
    write_photos(root / "test", {"yew": 2}, seed=1)
    assert read(root)["test"].labels_N.tolist() == [2, 2]


def test_photos_of_folders_within_a_class_belong_to_it(root: Path) -> None:
    write_photos(root, {"oak/spring/north": 4, "oak/autumn": 4, "elm": 4})
    splits = read(root)
    assert sum(sizes(splits).values()) == 12
    labels = torch.cat([split.labels_N for split in splits.values()])
    assert torch.bincount(labels).tolist() == [4, 8]


def test_a_class_folder_may_be_a_link(root: Path, tmp_path: Path) -> None:
    write_photos(tmp_path / "elsewhere", {"oak": 4})
    write_photos(root, {"elm": 4})
    (root / "oak").symlink_to(tmp_path / "elsewhere" / "oak")
    assert sum(sizes(read(root)).values()) == 8


def test_hidden_files_and_folders_are_passed_over(root: Path) -> None:
    write_photos(root, {"oak": 4, "elm": 4, ".cache": 4, "__MACOSX": 4, "oak/.thumbs": 4})
    (root / "oak" / ".DS_Store").touch()
    (root / "elm" / "._000.jpg").write_text("no picture")
    (root / "read me.txt").touch()
    assert PhotoFolder.find(root).classes == ("elm", "oak")
    assert sum(sizes(read(root)).values()) == 8


@pytest.mark.parametrize("name", ["a=b", "two words", "[x] {y}", "고양이", os.fsdecode(b"caf\xe9")])
def test_names_may_hold_any_sign(tmp_path: Path, name: str) -> None:
    root = tmp_path / name
    write_photos(root, {name: 4, "elm": 4})
    folder = PhotoFolder.find(root)
    assert set(folder.classes) == {name, "elm"}
    assert len(folder.fingerprint()) == 16
    assert sum(sizes(read(root)).values()) == 8


def test_files_left_out_are_counted(root: Path) -> None:
    write_photos(root / "train", {"oak": 20, "elm": 20})
    write_photos(root / "test", {"oak": 20, "elm": 20}, seed=1)
    for split in ("train", "test"):
        (root / split / "oak" / "bad.jpg").write_text("no picture")
    splits, left_out = load(root)
    assert left_out == 2
    assert sizes(splits) == {"train": 40, "test": 40}


def test_after_a_file_is_left_out_labels_still_fit_their_files(root: Path) -> None:
    write_photos(root, {"elm": 10, "oak": 10})
    (root / "elm" / "000a.jpg").write_text("no picture")
    for split in read(root).values():
        assert [file.split("/")[0] for file in split.files] == [
            ("elm", "oak")[label] for label in split.labels_N.tolist()
        ]


# --- what cannot be used ---------------------------------------------------------------------


def test_a_missing_root_is_told_with_the_layout(root: Path) -> None:
    with pytest.raises(UserError, match=r"there is no such folder\. Expected .*<root>/<class>/\*\.jpg"):
        PhotoFolder.find(root)


def test_a_file_as_root_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.zip").touch()
    with pytest.raises(UserError, match="there is no such folder"):
        PhotoFolder.find(tmp_path / "a.zip")


def test_an_empty_root_is_told(root: Path) -> None:
    root.mkdir()
    with pytest.raises(UserError, match="found no class folders; at least two are needed"):
        PhotoFolder.find(root)


def test_photos_without_class_folders_are_told(root: Path) -> None:
    write_photos(root.parent, {"root": 3})
    with pytest.raises(UserError, match="found no class folders"):
        PhotoFolder.find(root)


@pytest.mark.parametrize("inside", ["", "train/"])
def test_a_single_class_is_told(root: Path, inside: str) -> None:
    write_photos(root, {f"{inside}oak": 3})
    with pytest.raises(UserError, match="found only the class 'oak'; at least two are needed"):
        PhotoFolder.find(root)


@pytest.mark.parametrize("name", ["test", "val", "validation"])
def test_a_split_without_train_is_told(root: Path, name: str) -> None:
    write_photos(root / name, {"oak": 3, "elm": 3})
    with pytest.raises(
        UserError, match=r"have (test|val) images but no train .*Expected <root>/\{train,test\}"
    ):
        read(root, test_fraction=None)


def test_usual_spellings_of_splits_are_splits(root: Path) -> None:
    names = ("Training_Set", "valid", "test-images")
    for name, count in zip(names, (5, 3, 2), strict=True):
        write_photos(root / name, {"oak": count, "elm": count}, seed=count)
    assert sizes(read(root)) == {"train": 10, "val": 6, "test": 4}
    write_photos(root, {"eval/oak": 1})
    with pytest.raises(UserError, match="both eval and valid are folders of val images"):
        PhotoFolder.find(root)


def test_classes_that_are_called_as_splits_are_told(root: Path, log: pytest.LogCaptureFixture) -> None:
    write_photos(root, {"train": 3, "test_set": 3})
    with pytest.raises(UserError, match=r"test_set, train are called as splits are.*class_test_set"):
        PhotoFolder.find(root)
    write_photos(root, {"oak": 3})
    assert PhotoFolder.find(root).classes == ("oak", "test_set", "train")
    assert "test_set, train is taken for a class" in log.text


def test_what_is_written_beside_class_folders_is_no_class(root: Path, log: pytest.LogCaptureFixture) -> None:
    write_photos(root, {"oak": 3, "elm": 3, "outputs/cnn_image_folder/now/figures": 1, "mine": 0})
    for name in ("outputs/cnn_image_folder/now/.hydra", "mine/.hydra", ".git", f"photos/{'0' * 24}"):
        (root / name).mkdir(parents=True)
    (root / "photos" / ("0" * 24) / "pixels.bin").touch()
    assert PhotoFolder.find(root).classes == ("elm", "oak")
    assert "folders of runs, passed over: 3 (mine, outputs, photos)" in log.text


def test_folders_beside_those_of_splits_are_told(root: Path, log: pytest.LogCaptureFixture) -> None:
    write_photos(root, {"train/oak": 3, "train/elm": 3, "extra": 2})
    assert PhotoFolder.find(root).classes == ("elm", "oak")
    assert "folders beside those of splits, passed over: 1 (extra)" in log.text


def test_a_folder_in_a_folder_is_told(root: Path) -> None:
    write_photos(root, {"dataset/oak": 3, "dataset/elm": 3})
    with pytest.raises(UserError, match=r"In it are elm, oak: data\.root=.*root/dataset\?"):
        PhotoFolder.find(root)


def test_a_class_folder_without_images_is_told(root: Path) -> None:
    write_photos(root, {"oak": 3, "elm": 3, "yew": 0})
    (root / "yew" / "notes.txt").touch()
    with pytest.raises(UserError, match="no images in the class folder yew"):
        _ = PhotoFolder.find(root).files


@pytest.mark.parametrize("split", ["val", "test"])
def test_a_class_that_is_not_in_train_is_told(root: Path, split: str) -> None:
    write_photos(root / "train", {"oak": 3, "elm": 3})
    write_photos(root / split, {"oak": 3, "birch": 3})
    with pytest.raises(
        UserError, match=f"the classes birch are in {split} but not in train, which has elm, oak"
    ):
        PhotoFolder.find(root)


def test_a_class_too_small_to_split_is_told(root: Path) -> None:
    write_photos(root, {"oak": 10, "elm": 2})
    with pytest.raises(UserError, match=r"Too few different images of elm \(2\): train, test, val"):
        read(root)


# --- the fingerprint -------------------------------------------------------------------------


def test_the_fingerprint_follows_paths_and_sizes(root: Path) -> None:
    write_photos(root, {"oak": 3, "elm": 3})
    seen = [PhotoFolder.find(root).fingerprint()]
    (root / "oak" / "000.jpg").write_bytes(b"another size")
    seen.append(PhotoFolder.find(root).fingerprint())
    (root / "oak" / "000.jpg").rename(root / "oak" / "renamed.jpg")
    seen.append(PhotoFolder.find(root).fingerprint())
    (root / "oak" / "renamed.jpg").rename(root / "elm" / "renamed.jpg")
    seen.append(PhotoFolder.find(root).fingerprint())
    (root / "elm" / "renamed.jpg").unlink()
    seen.append(PhotoFolder.find(root).fingerprint())
    assert len(set(seen)) == 5


def test_the_fingerprint_is_the_same_in_another_place(tmp_path: Path) -> None:
    for place in ("here", "there"):
        write_photos(tmp_path / place, {"oak": 3, "elm": 3})
    one, other = (PhotoFolder.find(tmp_path / place).fingerprint() for place in ("here", "there"))
    assert one == other


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    write_photos(tmp_path, {"bus": 3, "car": 3, "train": 3})
    found = PhotoFolder.find(tmp_path)
    assert found.classes == ("bus", "car", "train")
    assert list(found.splits) == ["all"]
