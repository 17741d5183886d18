"""What the photo cache holds is verified before it is used: told, and built again, where it is damaged."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pellucid.data import decode as decoding
from pellucid.data import entry as module
from pellucid.data.decode import decode
from pellucid.data.entry import Photos
from pellucid.data.find import find_photos
from pellucid.data.photos import clear, entries, load_photos
from pellucid.errors import UserError
from tests.data.photos import tensor
from tests.fakes import write_photos
from tests.helpers import unprivileged

SIZE = 8
Damage = Callable[[Path, Path], object]  # of an entry, given another of as many photos of the same folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Photos of ``cat`` and of ``dog``, twenty each; one of each cannot be read."""
    folder = tmp_path / "photos"
    write_photos(folder, {"cat": 19, "dog": 19})
    for name in ("cat", "dog"):
        (folder / name / "005b.jpg").write_text("no")
    return folder


def load(root: Path, name: str) -> Photos:
    files = find_photos(root / name)
    return load_photos(files, root=root, size=SIZE, cache=root.parent / "cache", cache_limit=1.0)


def changed(**values: Any) -> Damage:
    def change(entry: Path, other: Path) -> None:
        path = entry / "index.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))

    return change


def index(text: str) -> Damage:
    return lambda entry, other: (entry / "index.json").write_text(text)


def flip(entry: Path, other: Path) -> None:
    content = bytearray((entry / "pixels.bin").read_bytes())
    content[-1] ^= 1
    (entry / "pixels.bin").write_bytes(content)


def in_place(make: Callable[[Path], object], name: str) -> Damage:
    """Something else in a file's place."""

    def change(entry: Path, other: Path) -> None:
        (entry / name).unlink()
        make(entry / name)

    return change


def elsewhere(entry: Path, other: Path) -> None:
    """A link in the entry's place."""
    shutil.rmtree(entry)
    entry.symlink_to(other, target_is_directory=True)


def a_file(entry: Path, other: Path) -> None:
    shutil.rmtree(entry)
    entry.write_text("no folder")


DAMAGES: dict[str, Damage] = {
    "other pixels": lambda entry, other: shutil.copy(other / "pixels.bin", entry),
    "black pixels": lambda entry, other: (entry / "pixels.bin").write_bytes(bytes(19 * 3 * SIZE**2)),
    "one bit": flip,
    "cut off": lambda entry, other: os.truncate(entry / "pixels.bin", 100),
    "too long": lambda entry, other: os.truncate(entry / "pixels.bin", 10**6),
    "another's index": lambda entry, other: shutil.copy(other / "index.json", entry),
    "another's all": lambda entry, other: [shutil.copy(path, entry) for path in other.iterdir()],
    "a link to another's pixels": in_place(lambda path: path.symlink_to("/dev/zero"), "pixels.bin"),
    "a pipe for pixels": in_place(os.mkfifo, "pixels.bin"),
    "a pipe for the index": in_place(os.mkfifo, "index.json"),
    "a folder for the index": in_place(os.mkdir, "index.json"),
    "no pixels": lambda entry, other: (entry / "pixels.bin").unlink(),
    "no index": lambda entry, other: (entry / "index.json").unlink(),
    "a link to another": elsewhere,
    "a file": a_file,
    "a huge index": lambda entry, other: os.truncate(entry / "index.json", 2**40),
    "empty": index(""),
    "a list": index("[]"),
    "a number": index("1" * 5000),
    "nothing": index("null"),
    "no keys": index("{}"),
    "deep": index("[" * 100_000),
    "no JSON": index("{'root': 1}"),
    "other bytes": lambda entry, other: (entry / "index.json").write_bytes(b"\xff\xfe"),
    "nothing broken": changed(broken={}),
    "another broken": changed(broken={"cat/003.jpg": "no"}),
    "none of them broken": changed(broken={"dog/003.jpg": "no"}),
    "broken of another type": changed(broken=[1, 2]),
    "a reason of another type": changed(broken={"cat/005b.jpg": {}}),
    "another reason": changed(broken={"cat/005b.jpg": "another"}),
    "another root": changed(root="/"),
    "a root of another type": changed(root=[]),
    "no checksum": changed(checksum=None),
    "another checksum": changed(checksum="0" * 64),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_entry_is_told_and_built_again(
    root: Path, damage: Damage, log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, other = load(root, "cat"), load(root, "dog")
    theirs, ours = tensor(other.images).clone(), tensor(first.images).clone()
    entry, beside = (
        next(
            one.path
            for one in entries(root.parent / "cache")
            if name in str((one.path / "index.json").read_text())
        )
        for name in ("cat/005b", "dog/005b")
    )
    damage(entry, beside)
    log.clear()
    again = load(root, "cat")
    assert torch.equal(tensor(again.images), ours)
    assert again.readable == first.readable
    assert again.broken == {
        "cat/005b.jpg": "damaged, or none of JPEG, PNG, BMP, GIF, TIFF, WEBP, PPM, AVIF, HEIF, NPY"
    }
    assert [record.getMessage().partition(" (")[0] for record in log.records] == [
        f"The photo cache's entry {entry} is damaged",
        "1 of 20 image files cannot be used and is left out: cat/005b.jpg",
    ]
    assert len(log.records[0].getMessage().splitlines()) == 1
    monkeypatch.setattr(decoding, "decode", None)  # nothing is decoded any more
    assert torch.equal(tensor(load(root, "cat").images), ours)
    assert torch.equal(tensor(load(root, "dog").images), theirs), "what a link led to is as it was"


def test_pixels_are_those_of_the_files(root: Path) -> None:
    files, photos = find_photos(root / "cat"), load(root, "cat")
    assert len(photos.readable) == 19
    for row, number in zip(tensor(photos.images), photos.readable, strict=True):
        assert np.array_equal(row.numpy(), decode(files[number], SIZE))


def test_pixels_are_summed_in_parts(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SUMMED", 100)
    load(root, "cat")
    (entry,) = entries(root.parent / "cache")
    for place in (0, 99, 100, 1900, 19 * 3 * SIZE**2 - 1):
        content = bytearray((entry.path / "pixels.bin").read_bytes())
        content[place] ^= 255
        (entry.path / "pixels.bin").write_bytes(content)
        with pytest.raises(ValueError, match="checksum"):
            module._checked(entry.path, find_photos(root / "cat"), root, (3, SIZE, SIZE))
        load(root, "cat")


def test_a_damaged_entry_that_stays_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(root, "cat")
    (entry,) = entries(root.parent / "cache")
    flip(entry.path, entry.path)

    def remove(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(module, "remove", remove)
    with pytest.raises(
        UserError, match=r"is damaged \(its checksum is another\) and cannot be removed .*data\.cache"
    ):
        load(root, "cat")


def test_a_photo_that_was_closed_is_decoded_once_it_is_open(root: Path) -> None:
    """Its size and its time are the same."""
    shut = root / "cat" / "003.jpg"
    shut.chmod(0o000)
    assert unprivileged(lambda: load(root, "cat")).broken["cat/003.jpg"] == "Permission denied"
    shut.chmod(0o644)
    assert "cat/003.jpg" not in load(root, "cat").broken


def test_no_files_are_no_photos(root: Path) -> None:
    photos = load_photos([], root=root, size=SIZE, cache=root.parent / "cache", cache_limit=1.0)
    assert photos.images.shape == (0, 3, SIZE, SIZE)
    assert not (root.parent / "cache").exists()


def test_strange_things_in_a_cache_are_listed_and_cleared(root: Path) -> None:
    load(root, "cat")
    load(root, "dog")
    one, two = entries(root.parent / "cache")
    (one.path / "index.json").write_text("[" * 100_000)
    shutil.move(two.path, root.parent / "mine")
    two.path.symlink_to(root.parent / "mine")
    assert {entry.root for entry in entries(root.parent / "cache")} == {"?", str(root)}
    assert clear(root.parent / "cache") > 0
    assert list((root.parent / "cache").iterdir()) == []
    assert (root.parent / "mine" / "pixels.bin").exists()
