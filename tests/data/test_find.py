"""Photos and folders are found, and what cannot be looked into is said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pellucid.data.find import find_folders, find_photos, is_folder
from pellucid.data.folder import PhotoFolder
from pellucid.errors import UserError
from tests.data.build import read
from tests.fakes import write_photos
from tests.helpers import unprivileged


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Path]:
    """``train`` and ``test`` with two cats and two dogs each; ``train/cat`` has a folder ``more`` of two."""
    root = tmp_path / "tree"
    for split in ("train", "test"):
        write_photos(root / split, {"cat": 2, "dog": 2})
    write_photos(root / "train" / "cat", {"more": 2})
    yield root
    for folder in (root, root / "train", root / "train" / "cat", root / "train" / "cat" / "more"):
        folder.chmod(0o755)


def test_photos_are_found_by_their_ending_in_any_case_and_at_any_depth(tmp_path: Path) -> None:
    found = ["a.JPG", "b.jpeg", "c.Png", "d/e/f.webp", "d/g.tiff", "h.bmp", "i.gif"]
    passed = [".hidden.jpg", ".folder/a.jpg", "__MACOSX/a.jpg", "d/._g.jpg", "notes.txt", "jpg"]
    for name in found + passed:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.jpg").mkdir()
    assert [p.relative_to(tmp_path).as_posix() for p in find_photos(tmp_path)] == sorted(found)


def test_a_link_to_nowhere_is_no_photo(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").symlink_to(tmp_path / "nowhere")
    (tmp_path / "b.jpg").symlink_to(tmp_path / "b.jpg")
    assert find_photos(tmp_path) == []


def test_links_to_folders_are_followed_once_and_loops_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_photos(tmp_path, {"in/cat": 2, "elsewhere/more": 2})
    for name, target in {
        "a": "elsewhere",
        "b": "elsewhere/more",
        "up": "in",
        "me": "in/cat",
        "x": "no",
    }.items():
        (tmp_path / "in" / "cat" / name).symlink_to(tmp_path / target)
    names = [p.relative_to(tmp_path / "in").as_posix() for p in find_photos(tmp_path / "in" / "cat")]
    assert names == ["cat/000.jpg", "cat/001.jpg", "cat/b/000.jpg", "cat/b/001.jpg"]
    assert "links to a folder around them, passed over: 2 (me, up)" in caplog.text
    assert "links to nowhere, passed over: 1 (x)" in caplog.text


def test_kinds_that_are_not_read_and_runs_are_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_photos(tmp_path, {"cat": 2, "cat/outputs/cnn/run/figures": 2, f"cat/cache/{'0' * 24}": 1})
    (tmp_path / "cat" / "outputs" / "cnn" / "run" / ".hydra").mkdir()
    (tmp_path / "cat" / "cache" / ("0" * 24) / "pixels.bin").touch()
    for name in ("a.NEF", "b.nef", "notes.txt", "c.heic", "d.JP2", "e.jfif"):
        (tmp_path / "cat" / name).touch()
    for _ in range(2):
        found = [path.name for path in find_photos(tmp_path / "cat")]
        assert found == ["000.jpg", "001.jpg", "c.heic", "d.JP2", "e.jfif"]
    assert sorted(record.getMessage().partition(": ")[2] for record in caplog.records) == [
        ".nef files, which are not read, passed over: 2 (a.NEF, b.nef).",
        "folders of runs, passed over: 2 (cache, outputs).",
    ]


@pytest.mark.parametrize("mode", [0o000, 0o444, 0o111], ids=["closed", "to be listed", "to be entered"])
def test_a_folder_that_cannot_be_looked_into_is_said(tree: Path, mode: int) -> None:
    more = tree / "train" / "cat" / "more"
    more.chmod(mode)
    closed: list[Path] = []
    found = unprivileged(lambda: find_photos(tree / "train", closed.append))
    assert closed == [more]
    assert found == [tree / "train" / name / f"00{i}.jpg" for name in ("cat", "dog") for i in range(2)]
    with pytest.raises(UserError, match=r"cat/more may not be listed or entered, .*Make it readable"):
        unprivileged(lambda: find_photos(tree / "train"))
    (tree / "train" / "cat").chmod(mode)
    closed.clear()
    unprivileged(lambda: find_photos(tree / "train", closed.append))
    assert closed == [tree / "train" / "cat"]


def test_a_closed_folder_that_is_hidden_is_passed_over(tree: Path) -> None:
    (tree / "train" / ".trash").mkdir(mode=0o000)
    assert len(unprivileged(lambda: find_photos(tree / "train"))) == 6


@pytest.mark.parametrize("folder", ["", "train", "train/cat", "train/cat/more"])
@pytest.mark.parametrize("mode", [0o000, 0o444])
def test_nothing_is_trained_on_a_part(tree: Path, folder: str, mode: int) -> None:
    (tree / folder).chmod(mode)
    with pytest.raises(UserError, match="may not be listed or entered"):
        unprivileged(lambda: PhotoFolder.find(tree).files)
    with pytest.raises(UserError, match="may not be listed or entered"):
        unprivileged(lambda: read("catdog", root=str(tree), cache=str(tree / "cache")))


def test_folders(tree: Path) -> None:
    (tree / "train" / ".hidden").mkdir()
    (tree / "train" / "file").touch()
    assert [path.name for path in find_folders(tree / "train")] == ["cat", "dog"]
    assert is_folder(tree)
    assert not is_folder(tree / "no")
    assert not is_folder(tree / "train" / "file")
    tree.chmod(0o000)
    with pytest.raises(UserError, match="tree may not be listed or entered"):
        unprivileged(lambda: is_folder(tree / "train"))
    with pytest.raises(UserError, match="tree/train may not be listed or entered"):
        unprivileged(lambda: find_folders(tree / "train"))
