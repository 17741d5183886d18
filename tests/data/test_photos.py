"""Photos of every kind, and the cache that keeps them."""

from __future__ import annotations

import hashlib
import os
import resource
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from pellucid.data import decode as decoding
from pellucid.data import photos
from pellucid.data.decode import decode
from pellucid.data.entry import Photos
from pellucid.data.find import find_photos
from pellucid.data.grey import Grey
from pellucid.data.photos import clear, entries, load_photos
from pellucid.data.store import WholePhotos
from pellucid.errors import UserError
from pellucid.spec import Fit, Size, sides
from tests.data.photos import tensor
from tests.fakes import write_photos


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Twenty good photos."""
    folder = tmp_path / "photos"
    write_photos(folder, {"cat": 20})
    return folder


@pytest.fixture
def load(root: Path, tmp_path: Path) -> Callable[..., Photos]:
    """Load what is in ``root`` now."""

    def load(size: int = 8, cache: Path = tmp_path / "cache") -> Photos:
        return load_photos(find_photos(root), root=root, size=size, cache=cache, cache_limit=1.0)

    return load


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def no_decoding(path: Path, size: int, grey: Grey) -> NDArray[np.uint8]:
    raise AssertionError(f"{path} was decoded")


def test_a_large_photo_is_decoded_without_a_warning(
    root: Path, load: Callable[..., Photos], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 900)  # Pillow warns above it
    Image.new("RGB", (40, 40)).save(root / "large.png")
    photos = load_photos([root / "large.png"], root=root, size=8, cache=root / "cache", cache_limit=1.0)
    assert photos.readable == [0]


# --- a folder of them ------------------------------------------------------------------------


def test_pixels_come_in_the_order_of_the_files(root: Path, load: Callable[..., Photos]) -> None:
    loaded = load(size=8)
    assert loaded.images.shape == (20, 3, 8, 8)
    assert loaded.images.dtype == torch.uint8
    for row, path in zip(tensor(loaded.images), find_photos(root), strict=True):
        assert np.array_equal(row.numpy(), decode(path, 8))


def test_each_unusable_file_is_named_with_the_reason_and_left_out(
    root: Path, tmp_path: Path, huge: Path, log: pytest.LogCaptureFixture
) -> None:
    write_photos(root, {"dog": 40})
    Image.new("RGB", (1, 1)).save(root / "cat" / "one.png")
    good = (root / "cat" / "000.jpg").read_bytes()
    (root / "cat" / "short.jpg").write_bytes(good[: len(good) // 2])
    (root / "cat" / "text.jpg").write_text("not a picture")
    (root / "cat" / "empty.jpg").touch()
    (root / "cat" / "huge.png").hardlink_to(huge)
    files = find_photos(root)
    loaded = load_photos(files, root=root, size=8, cache=tmp_path / "cache", cache_limit=1.0)
    bad = {f"cat/{name}" for name in ("one.png", "short.jpg", "text.jpg", "empty.jpg", "huge.png")}
    assert set(loaded.broken) == bad
    assert {files[i].relative_to(root).as_posix() for i in loaded.readable} | bad == {
        p.relative_to(root).as_posix() for p in files
    }
    assert len(loaded.images) == len(loaded.readable) == 60
    (record,) = log.records
    assert record.levelname == "WARNING"
    message = record.getMessage()
    assert message.startswith("5 of 65 image files cannot be used and are left out: ")
    for reason in (
        "one.png (a single pixel)",
        "short.jpg (image file is truncated",
        "text.jpg (damaged, or none of JPEG, PNG",
        "empty.jpg (an empty file)",
        "huge.png (",
    ):
        assert reason in message


def test_with_a_tenth_unusable_the_rest_is_taken(root: Path, load: Callable[..., Photos]) -> None:
    for name in ("a.jpg", "b.jpg"):
        (root / name).write_text("no")
    assert len(load().readable) == 20  # of 22


def test_above_a_tenth_something_is_wrong(root: Path, load: Callable[..., Photos], cache: Path) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (root / name).write_text("no")
    with pytest.raises(UserError, match=r"3 of 23 .*a\.jpg .*More than a tenth"):
        load()
    assert not list(cache.iterdir())


def test_of_many_unusable_files_ten_are_named(
    root: Path, load: Callable[..., Photos], log: pytest.LogCaptureFixture
) -> None:
    for number in range(12):
        (root / f"bad{number:02d}.jpg").write_text("no")
    write_photos(root, {"dog": 100})
    load()
    assert "bad09.jpg" in log.text
    assert "bad10.jpg" not in log.text
    assert "; and 2 more." in log.text


@pytest.mark.parametrize(
    "folder", ["a=b", "two words", "[x] {y} (z)", "고양이", "ünïcödé", "100%", "a,b'c\""]
)
def test_a_path_may_hold_any_sign(tmp_path: Path, folder: str) -> None:
    root = tmp_path / folder / "photos"
    write_photos(root, {folder: 3})
    loaded = load_photos(
        find_photos(root), root=root, size=8, cache=tmp_path / folder / "cache", cache_limit=1.0
    )
    assert len(loaded.readable) == 3


def test_a_name_that_is_no_utf8_is_no_obstacle(root: Path, load: Callable[..., Photos]) -> None:
    (root / os.fsdecode(b"caf\xe9.jpg")).hardlink_to(root / "cat" / "000.jpg")
    assert len(load().readable) == 21


def test_a_warning_can_be_printed_whatever_the_name(
    root: Path, load: Callable[..., Photos], log: pytest.LogCaptureFixture
) -> None:
    (root / os.fsdecode(b"caf\xe9.jpg")).write_text("no picture")
    load()
    (record,) = log.records
    assert b"caf" in record.getMessage().encode()


# --- the cache -------------------------------------------------------------------------------


def test_what_is_cached_is_not_decoded_again(
    load: Callable[..., Photos], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load()
    monkeypatch.setattr(decoding, "decode", no_decoding)
    again = load()
    assert torch.equal(tensor(first.images), tensor(again.images))
    assert again.readable == first.readable


def test_unusable_files_are_told_again_from_the_cache(
    root: Path, load: Callable[..., Photos], log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "bad.jpg").write_text("no")
    load()
    log.clear()
    monkeypatch.setattr(decoding, "decode", no_decoding)
    assert list(load().broken) == ["bad.jpg"]
    assert "bad.jpg" in log.text


def rewrite(path: Path) -> None:
    Image.new("RGB", (30, 30), (0, 0, 255)).save(path)


@pytest.mark.parametrize(
    "change",
    [
        rewrite,
        lambda path: os.utime(path, ns=(0, 0)),
        lambda path: path.rename(path.with_name("renamed.jpg")),
        lambda path: path.unlink(),
        lambda path: (path.parent / "new.jpg").write_bytes(path.read_bytes()),
    ],
    ids=["rewritten", "touched", "renamed", "removed", "added"],
)
def test_a_changed_folder_has_a_new_entry(
    root: Path, load: Callable[..., Photos], cache: Path, change: Callable[[Path], object]
) -> None:
    load()
    change(root / "cat" / "003.jpg")
    load()
    assert len(list(cache.iterdir())) == 2


def test_a_rewritten_photo_is_seen(root: Path, load: Callable[..., Photos]) -> None:
    load()
    rewrite(root / "cat" / "003.jpg")
    assert tensor(load().images)[3][2].min() > 240


def test_each_size_has_its_entry(load: Callable[..., Photos], cache: Path) -> None:
    assert load(size=8).images.shape[-1] == 8
    assert load(size=9).images.shape[-1] == 9
    assert len(list(cache.iterdir())) == 2


def test_equal_names_in_another_folder_have_their_own_entry(tmp_path: Path, cache: Path) -> None:
    for name in ("one", "two"):
        write_photos(tmp_path / name, {"cat": 2}, seed=len(name))
        for path in find_photos(tmp_path / name):
            os.utime(path, ns=(0, 0))
        load_photos(find_photos(tmp_path / name), root=tmp_path / name, size=8, cache=cache, cache_limit=1.0)
    assert len(list(cache.iterdir())) == 2


def test_writing_on_the_pixels_does_not_reach_the_cache(load: Callable[..., Photos]) -> None:
    first = load()
    before = tensor(first.images).clone()
    tensor(first.images).fill_(0)
    assert torch.equal(tensor(load().images), before)


def test_two_that_build_at_once_make_one_good_entry(
    load: Callable[..., Photos], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = threading.Barrier(2, timeout=20)
    original = decoding.decode

    def wait_for_the_other(
        path: Path, size: Size, grey: Grey, fit: Fit, channels: int, *, whole: bool
    ) -> NDArray[np.uint8]:
        if path.name == "000.jpg":
            both.wait()
        return original(path, size, grey, fit, channels, whole=whole)

    monkeypatch.setattr(decoding, "decode", wait_for_the_other)
    results: list[Photos] = []
    threads = [threading.Thread(target=lambda: results.append(load())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 2
    assert torch.equal(tensor(results[0].images), tensor(results[1].images))
    (entry,) = cache.iterdir()
    assert sorted(p.name for p in entry.iterdir()) == ["digests.bin", "index.json", "pixels.bin"]
    assert results[0].readable == results[1].readable == list(range(20))


def test_a_cache_that_cannot_be_made_is_told(load: Callable[..., Photos], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot be written .*data\.cache=<folder>"):
        load(cache=tmp_path / "file" / "cache")


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """Let no file grow beyond ``size`` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_told_and_nothing_stays(load: Callable[..., Photos], cache: Path) -> None:
    with disk_of(200_000), pytest.raises(UserError, match=r"could not be written .*Make room"):
        load(size=128)  # 20 × 48 kB
    assert not list(cache.iterdir())
    assert len(load(size=128).readable) == 20


def test_a_full_disk_is_told_before_everything_is_decoded(
    root: Path, load: Callable[..., Photos], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_photos(root, {"dog": 300})
    decoded: list[Path] = []
    original = decoding.decode

    def slowly(
        path: Path, size: Size, grey: Grey, fit: Fit, channels: int, *, whole: bool
    ) -> NDArray[np.uint8]:
        decoded.append(path)
        time.sleep(0.002)
        return original(path, size, grey, fit, channels, whole=whole)

    monkeypatch.setattr(decoding, "decode", slowly)
    with disk_of(200_000), pytest.raises(UserError, match="could not be written"):
        load(size=128)
    assert len(decoded) < 200


def test_a_build_that_is_interrupted_leaves_nothing(
    load: Callable[..., Photos], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(
        path: Path, size: Size, grey: Grey, fit: Fit, channels: int, *, whole: bool
    ) -> NDArray[np.uint8]:
        raise KeyboardInterrupt

    monkeypatch.setattr(decoding, "decode", stop)
    with pytest.raises(KeyboardInterrupt):
        load()
    assert not list(cache.iterdir())


def test_an_entry_without_its_index_is_built_again(load: Callable[..., Photos], cache: Path) -> None:
    load()
    (entry,) = cache.iterdir()
    (entry / "index.json").unlink()
    assert len(load().readable) == 20


def test_what_was_not_used_for_longest_makes_room(root: Path, cache: Path) -> None:
    def load(size: int) -> None:
        load_photos(find_photos(root), root=root, size=size, cache=cache, cache_limit=limit)

    limit = 1.0
    for size in (8, 9, 10):
        load(size)
    first, second, third = sorted(entries(cache), key=lambda entry: entry.size)
    for seconds, entry in enumerate((second, first, third)):
        os.utime(entry.path, (seconds, seconds))
    load(9)  # used again, so the first is the oldest now
    limit = (second.size + third.size + 3 * 11**2 * len(find_photos(root))) / 2**30
    load(11)
    left = {entry.path for entry in entries(cache)}
    assert len(left) == 3
    assert first.path not in left
    assert {entry.root for entry in entries(cache)} == {str(root)}


def test_what_is_used_together_stays_together(root: Path, cache: Path) -> None:
    files = find_photos(root)
    halves = [files[: len(files) // 2], files[len(files) // 2 :]]
    room = (len(files) * 3 * 8**2 + 1000) / 2**30  # for both and no more

    def load(size: int, half: int, limit: float) -> None:
        beside = [halves[1 - half]]
        load_photos(halves[half], root=root, size=size, cache=cache, cache_limit=limit, beside=beside)

    load(6, 0, 1.0)
    for half in (0, 1, 0, 1):
        load(8, half, room)
    built = {entry.path: (entry.path / "pixels.bin").stat().st_ino for entry in entries(cache)}
    assert len(built) == 2, "that of 6 pixels has made room"
    load(8, 0, room)
    assert built == {entry.path: (entry.path / "pixels.bin").stat().st_ino for entry in entries(cache)}
    clear(cache)
    with pytest.raises(UserError, match=r"more than data\.cache_limit"):
        load(8, 0, room / 2)  # enough for one of them


def test_an_entry_that_others_clear_meanwhile_is_built_again(
    load: Callable[..., Photos], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build, times = photos._build, []

    def cleared(entry: Path, *rest: Any) -> None:
        build(entry, *rest)
        times.append(entry)
        if len(times) < lost:
            shutil.rmtree(entry)

    monkeypatch.setattr(photos, "_build", cleared)
    lost = 2
    assert len(load().images) > 0
    assert len(times) == 2
    clear(cache)
    lost = 99
    with pytest.raises(UserError, match="is being cleared by other processes"):
        load()


def test_what_is_being_built_is_not_cleared(cache: Path) -> None:
    at_work = cache / f"{'0' * 24}.abc"
    at_work.mkdir(parents=True)
    (at_work / "pixels.bin").write_bytes(b"123")
    assert clear(cache) == 0
    assert at_work.is_dir()
    os.utime(at_work / "pixels.bin", (0, 0))
    assert clear(cache) == 3
    assert not at_work.exists()


def test_photos_larger_than_the_limit_are_told(root: Path, cache: Path) -> None:
    with pytest.raises(UserError, match=r"more than data\.cache_limit=1e-06.*data\.image_size"):
        load_photos(find_photos(root), root=root, size=64, cache=cache, cache_limit=1e-6)
    assert not cache.exists()


def test_cleared(load: Callable[..., Photos], cache: Path) -> None:
    photos = load()
    size = sum(entry.size for entry in entries(cache))
    assert clear(cache) == size > photos.images.nbytes
    assert list(cache.iterdir()) == []
    assert tensor(photos.images).float().mean() > 0  # who has them mapped keeps them
    assert clear(cache) == 0


def test_what_is_no_entry_is_left_alone(root: Path, cache: Path) -> None:
    """``data.cache`` may name any folder."""
    mine = cache / "project"
    mine.mkdir(parents=True)
    for name in ("index.json", "pixels.bin"):
        (mine / name).write_text("mine")
    files = find_photos(root)
    load_photos(files, root=root, size=8, cache=cache, cache_limit=len(files) * 3 * 8**2 / 2**30)
    assert [entry.path for entry in entries(cache)] != []
    clear(cache)
    assert list(cache.iterdir()) == [mine]
    assert (mine / "pixels.bin").read_text() == "mine"


def test_entries_of_square_photos_keep_their_names(
    root: Path, load: Callable[..., Photos], cache: Path
) -> None:
    """Those that were made before there were other shapes."""
    load(size=8)
    digest = hashlib.sha256(f"3/8/()/{root.resolve()}".encode())
    for path in find_photos(root):
        status = path.stat()
        digest.update(f"{path.relative_to(root)}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    assert [entry.name for entry in cache.iterdir()] == [digest.hexdigest()[:24]]


def test_each_shape_has_an_entry(root: Path, cache: Path) -> None:
    files = find_photos(root)
    for size, channels in ((8, 3), ((8, 12), 3), ((12, 8), 3), (8, 1), (8, 4)):
        photos = load_photos(files, root=root, size=size, channels=channels, cache=cache, cache_limit=1.0)
        assert photos.images.shape == (len(files), channels, *sides(size))
    assert len(list(cache.iterdir())) == 5


# --- whole photos ----------------------------------------------------------------------------


def whole(root: Path, cache: Path, *, size: int = 8, limit: float = 1.0, **given: Any) -> Photos:
    given = {"fit": Fit(crop=0.875, mode="crop"), **given}
    return load_photos(find_photos(root), root=root, size=size, cache=cache, cache_limit=limit, **given)


def test_whole_photos_are_kept_with_their_sizes(root: Path, cache: Path) -> None:
    made, again = whole(root, cache), whole(root, cache)
    (entry,) = cache.iterdir()
    names = ["digests.bin", "index.json", "pixels.bin", "sizes.bin"]
    assert sorted(path.name for path in entry.iterdir()) == names
    for kept in (made, again):
        assert isinstance(kept.images, WholePhotos)
        for row, path in enumerate(find_photos(root)):
            with Image.open(path) as image:
                sides = [9 * side // min(image.size) for side in (image.height, image.width)]
            assert kept.images.sizes_M2[row].tolist() == pytest.approx(sides, abs=1)  # JPEGs come smaller
            seen_CHW = kept.images[torch.tensor([row])][0].numpy()
            assert np.array_equal(seen_CHW, decode(path, 8, fit=Fit(crop=0.875, mode="crop")))


@pytest.mark.parametrize("damage", ["other", "cut", "none"])
def test_damaged_sizes_are_told_and_made_anew(
    root: Path, cache: Path, damage: str, log: pytest.LogCaptureFixture
) -> None:
    before = whole(root, cache).images[torch.arange(20)].clone()
    (entry,) = cache.iterdir()
    sizes = np.fromfile(entry / "sizes.bin", "<u4")
    if damage == "none":
        (entry / "sizes.bin").unlink()
    else:
        (sizes[::-1] if damage == "other" else sizes[:-2]).tofile(entry / "sizes.bin")
    assert torch.equal(whole(root, cache).images[torch.arange(20)], before)
    assert "is damaged" in log.text


def test_photos_that_older_versions_kept_are_decoded_anew_and_it_is_told_once(
    root: Path, cache: Path, load: Callable[..., Photos], log: pytest.LogCaptureFixture
) -> None:
    log.set_level("INFO", logger="pellucid")
    load(size=8)  # as runs of before have them, which go on with them
    assert "decoded anew" not in log.text
    whole(root, cache)
    assert log.text.count("keeps photos whole now") == 1
    whole(root, cache)
    load(size=8)
    assert log.text.count("keeps photos whole now") == 1
    assert len(list(cache.iterdir())) == 2


def test_the_limit_counts_the_bytes_of_whole_photos(
    root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photos, "GROWTH", 1)
    size = whole(root, cache).images.nbytes
    least = 20 * 3 * 9 * 9
    assert size > 1.1 * least, "they are not square"
    clear(cache)
    with pytest.raises(UserError, match=r"more than data\.cache_limit"):
        whole(root, cache, limit=(least + size) / 2 / 2**30)
    assert not list(cache.iterdir())
    assert len(whole(root, cache, limit=1.01 * size / 2**30).readable) == 20


def test_other_entries_make_room_for_whole_photos_as_they_come(
    root: Path, cache: Path, load: Callable[..., Photos], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photos, "GROWTH", 1)
    size = whole(root, cache).images.nbytes
    clear(cache)
    load(size=4)
    (older,) = entries(cache)
    whole(root, cache, limit=(size + older.size / 2) / 2**30)
    assert older.path not in {entry.path for entry in entries(cache)}
