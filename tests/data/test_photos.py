"""Photos of every kind, and the cache that keeps them."""

from __future__ import annotations

import json
import os
import resource
import shutil
import struct
import threading
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFile

from pellucid.data import photos
from pellucid.data.photos import Photos, clear, decode, entries, find_photos, load_photos
from pellucid.errors import UserError
from tests.fakes import write_photos

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def noise(height: int, breadth: int, *channels: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, breadth, *channels), dtype=np.uint8)


def centre(image: NDArray[np.uint8]) -> tuple[int, ...]:
    return tuple(image[:, image.shape[1] // 2, image.shape[2] // 2].tolist())


def halves(size: tuple[int, int] = (60, 40)) -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", size, BLUE)
    image.paste(RED, (0, 0, size[0] // 2, size[1]))
    return image


@pytest.fixture(scope="session")
def huge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A black-and-white PNG of 20,000 × 20,000 pixels, some 50 kB on disk."""

    def chunk(name: bytes, data: bytes) -> bytes:
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    packer, row = zlib.compressobj(1), bytes(1 + 20_000 // 8)
    data = b"".join(packer.compress(row) for _ in range(20_000)) + packer.flush()
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 1, 0, 0, 0, 0)
    path = tmp_path_factory.mktemp("huge") / "huge.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )
    return path


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


def no_decoding(path: Path, size: int) -> NDArray[np.uint8]:
    raise AssertionError(f"{path} was decoded")


# --- one photo -------------------------------------------------------------------------------


def test_a_square_of_the_right_size_comes_out_as_it_is(tmp_path: Path) -> None:
    pixels = noise(16, 16, 3)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert np.array_equal(decode(tmp_path / "a.png", 16), pixels.transpose(2, 0, 1))


def test_of_a_long_photo_the_middle_is_kept(tmp_path: Path) -> None:
    pixels = noise(16, 40, 3)
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    Image.fromarray(pixels.transpose(1, 0, 2)).save(tmp_path / "tall.png")
    wide, tall = decode(tmp_path / "wide.png", 16), decode(tmp_path / "tall.png", 16)
    assert np.array_equal(wide, pixels[:, 12:28].transpose(2, 0, 1))
    assert np.array_equal(tall, pixels[:, 12:28].transpose(2, 1, 0))


def test_shrinking_averages(tmp_path: Path) -> None:
    board = ((np.indices((64, 64)).sum(0) % 2) * 255).astype(np.uint8)
    Image.fromarray(board).save(tmp_path / "board.png")
    small = decode(tmp_path / "board.png", 8)
    assert np.abs(small[:, 1:-1, 1:-1].astype(int) - 127).max() <= 8


def test_a_large_jpeg_is_near_what_full_decoding_gives(tmp_path: Path) -> None:
    smooth = Image.fromarray(noise(60, 60, 3)).resize((800, 800), Image.Resampling.BICUBIC)
    smooth.save(tmp_path / "large.jpg", quality=95, subsampling=0)
    smooth.save(tmp_path / "large.png")
    one, other = decode(tmp_path / "large.jpg", 160), decode(tmp_path / "large.png", 160)
    assert np.abs(one.astype(int) - other).mean() < 2


def test_grey_becomes_three_equal_channels(tmp_path: Path) -> None:
    pixels = noise(8, 8)
    Image.fromarray(pixels).save(tmp_path / "grey.png")
    assert np.array_equal(decode(tmp_path / "grey.png", 8), np.stack([pixels] * 3))


def test_black_and_white_becomes_0_and_255(tmp_path: Path) -> None:
    Image.fromarray(noise(8, 8) > 127).save(tmp_path / "bits.png")
    out = decode(tmp_path / "bits.png", 8)
    assert np.array_equal(out[0], np.where(noise(8, 8) > 127, 255, 0))


def test_transparency_lies_on_white(tmp_path: Path) -> None:
    for name, alpha, expected in (("clear", 0, WHITE), ("half", 128, (255, 127, 127)), ("full", 255, RED)):
        Image.new("RGBA", (8, 8), (*RED, alpha)).save(tmp_path / f"{name}.png")
        assert centre(decode(tmp_path / f"{name}.png", 8)) == expected


def test_transparent_grey_lies_on_white(tmp_path: Path) -> None:
    Image.new("LA", (8, 8), (0, 0)).save(tmp_path / "a.png")
    assert centre(decode(tmp_path / "a.png", 8)) == WHITE


def test_a_palettes_transparent_colour_is_white_and_the_others_stay(tmp_path: Path) -> None:
    image = Image.new("P", (8, 8), 1)
    image.putpalette([*RED, *BLUE])
    image.paste(0, (0, 0, 8, 4))
    for name in ("a.png", "a.gif"):
        image.save(tmp_path / name, transparency=0)
        out = decode(tmp_path / name, 8)
        assert tuple(out[:, 1, 4].tolist()) == WHITE
        assert tuple(out[:, 6, 4].tolist()) == BLUE


def test_a_single_transparent_colour_of_rgb_is_white(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), RED).save(tmp_path / "a.png", transparency=RED)
    assert centre(decode(tmp_path / "a.png", 8)) == WHITE


def test_16_bit_grey_is_scaled_to_8(tmp_path: Path) -> None:
    pixels = (np.arange(256).reshape(16, 16) * 257).astype(np.uint16)  # 65535 / 255
    Image.fromarray(pixels).save(tmp_path / "deep.png")
    out = decode(tmp_path / "deep.png", 16)
    assert np.array_equal(out, np.stack([np.arange(256).reshape(16, 16)] * 3))


def test_16_bit_grey_between_two_values_is_near_both(tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 8), 51_200, np.uint16)).save(tmp_path / "deep.png")
    assert set(decode(tmp_path / "deep.png", 8).flatten().tolist()) == {199}  # 51,200 / 257 = 199.2


@pytest.mark.parametrize("name", ["turned.jpg", "turned.png", "turned.webp"])
def test_a_turned_photo_is_put_upright(tmp_path: Path, name: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera's left is up: turn a quarter clockwise
    halves().save(tmp_path / name, exif=exif, quality=95)
    out = decode(tmp_path / name, 16).astype(int)
    top, bottom = out[:, 3, 8], out[:, 12, 8]
    assert top[0] > 200 > 50 > top[2]
    assert bottom[2] > 200 > 50 > bottom[0]


def test_inks_become_light(tmp_path: Path) -> None:
    Image.new("CMYK", (20, 20), (0, 255, 255, 0)).save(tmp_path / "print.jpg", quality=95)
    red, green, blue = centre(decode(tmp_path / "print.jpg", 8))
    assert red > 240
    assert max(green, blue) < 15


def test_of_an_animation_the_first_picture_is_taken(tmp_path: Path) -> None:
    first, second = (Image.new("RGB", (8, 8), colour) for colour in (RED, BLUE))
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second])
    assert centre(decode(tmp_path / "a.gif", 8)) == RED


def test_two_pixels_are_a_photo(tmp_path: Path) -> None:
    Image.new("RGB", (1, 2), BLUE).save(tmp_path / "a.png")
    assert centre(decode(tmp_path / "a.png", 8)) == BLUE


def test_one_pixel_is_none(tmp_path: Path) -> None:
    Image.new("RGB", (1, 1)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="a single pixel"):
        decode(tmp_path / "a.png", 8)


def test_a_huge_image_is_refused_by_its_header(huge: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(self: ImageFile.ImageFile) -> None:
        raise AssertionError("its pixels were read")

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    with pytest.raises((ValueError, Image.DecompressionBombError), match="pixels"):
        decode(huge, 8)


def test_a_large_photo_is_decoded_without_a_warning(
    root: Path, load: Callable[..., Photos], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 900)  # Pillow warns above it
    Image.new("RGB", (40, 40)).save(root / "large.png")
    kept = load_photos([root / "large.png"], root=root, size=8, cache=root / "cache", cache_limit=1.0).kept
    assert kept == [0]


# --- a folder of them ------------------------------------------------------------------------


def test_photos_are_found_by_their_ending_in_any_case_and_at_any_depth(tmp_path: Path) -> None:
    found = ["a.JPG", "b.jpeg", "c.Png", "d/e/f.webp", "d/g.tiff", "h.bmp", "i.gif"]
    passed = [".hidden.jpg", ".folder/a.jpg", "__MACOSX/a.jpg", "d/._g.jpg", "notes.txt", "jpg"]
    for name in found + passed:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.jpg").mkdir()
    assert [p.relative_to(tmp_path).as_posix() for p in find_photos(tmp_path)] == sorted(found)


def test_pixels_come_in_the_order_of_the_files(root: Path, load: Callable[..., Photos]) -> None:
    loaded = load(size=8)
    assert loaded.images.shape == (20, 3, 8, 8)
    assert loaded.images.dtype == torch.uint8
    for row, path in zip(loaded.images, find_photos(root), strict=True):
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
    assert {files[i].relative_to(root).as_posix() for i in loaded.kept} | bad == {
        p.relative_to(root).as_posix() for p in files
    }
    assert len(loaded.images) == len(loaded.kept) == 60
    (record,) = log.records
    assert record.levelname == "WARNING"
    message = record.getMessage()
    assert message.startswith("5 of 65 image files cannot be used and are left out: ")
    for reason in (
        "one.png (a single pixel)",
        "short.jpg (image file is truncated",
        "text.jpg (cannot identify image file 'text.jpg')",
        "empty.jpg (cannot identify image file 'empty.jpg')",
        "huge.png (",
    ):
        assert reason in message


@pytest.mark.filterwarnings("ignore")  # Pillow's remarks on odd metadata
def test_bytes_damaged_anywhere_end_in_pixels_or_in_a_reason(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    exif = Image.Exif()
    exif[0x0112] = 6
    for ending in ("jpg", "png", "gif", "bmp", "tif", "webp", "ppm"):
        path = tmp_path / f"a.{ending}"
        options: dict[str, Any] = {"exif": exif} if ending in ("jpg", "png", "webp") else {}
        halves((23, 31)).save(path, **options)
        good = path.read_bytes()
        for _ in range(40):
            damaged = bytearray(good[: random.integers(1, len(good) + 1)])
            for place in random.integers(0, min(len(damaged), 150), 4):
                damaged[place] = random.integers(256)
            path.write_bytes(bytes(damaged))
            result = photos.decode_or_reason(path, 8)
            assert result if isinstance(result, str) else result.shape == (3, 8, 8)


def test_with_a_tenth_unusable_the_rest_is_taken(root: Path, load: Callable[..., Photos]) -> None:
    for name in ("a.jpg", "b.jpg"):
        (root / name).write_text("no")
    assert len(load().kept) == 20  # of 22


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
    assert len(loaded.kept) == 3


def test_a_name_that_is_no_utf8_is_no_obstacle(root: Path, load: Callable[..., Photos]) -> None:
    (root / os.fsdecode(b"caf\xe9.jpg")).hardlink_to(root / "cat" / "000.jpg")
    assert len(load().kept) == 21


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
    monkeypatch.setattr(photos, "decode", no_decoding)
    again = load()
    assert torch.equal(first.images, again.images)
    assert again.kept == first.kept


def test_unusable_files_are_told_again_from_the_cache(
    root: Path, load: Callable[..., Photos], log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "bad.jpg").write_text("no")
    load()
    log.clear()
    monkeypatch.setattr(photos, "decode", no_decoding)
    assert list(load().broken) == ["bad.jpg"]
    assert "bad.jpg" in log.text


def rewrite(path: Path) -> None:
    Image.new("RGB", (30, 30), BLUE).save(path)


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
    assert centre(load().images[3].numpy())[2] > 240


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
    before = first.images.clone()
    first.images.fill_(0)
    assert torch.equal(load().images, before)


def test_two_that_build_at_once_make_one_good_entry(
    load: Callable[..., Photos], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = threading.Barrier(2, timeout=20)
    original = photos.decode

    def wait_for_the_other(path: Path, size: int) -> NDArray[np.uint8]:
        if path.name == "000.jpg":
            both.wait()
        return original(path, size)

    monkeypatch.setattr(photos, "decode", wait_for_the_other)
    results: list[Photos] = []
    threads = [threading.Thread(target=lambda: results.append(load())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 2
    assert torch.equal(results[0].images, results[1].images)
    (entry,) = cache.iterdir()
    assert sorted(p.name for p in entry.iterdir()) == ["index.json", "pixels.bin"]
    assert json.loads((entry / "index.json").read_text())["kept"] == list(range(20))


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
    assert len(load(size=128).kept) == 20


def test_a_full_disk_is_told_before_everything_is_decoded(
    root: Path, load: Callable[..., Photos], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_photos(root, {"dog": 300})
    decoded: list[Path] = []
    original = photos.decode

    def slowly(path: Path, size: int) -> NDArray[np.uint8]:
        decoded.append(path)
        time.sleep(0.002)
        return original(path, size)

    monkeypatch.setattr(photos, "decode", slowly)
    with disk_of(200_000), pytest.raises(UserError, match="could not be written"):
        load(size=128)
    assert len(decoded) < 200


def test_a_build_that_is_interrupted_leaves_nothing(
    load: Callable[..., Photos], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(path: Path, size: int) -> NDArray[np.uint8]:
        raise KeyboardInterrupt

    monkeypatch.setattr(photos, "decode", stop)
    with pytest.raises(KeyboardInterrupt):
        load()
    assert not list(cache.iterdir())


def test_an_entry_without_its_index_is_built_again(load: Callable[..., Photos], cache: Path) -> None:
    load()
    (entry,) = cache.iterdir()
    (entry / "index.json").unlink()
    assert len(load().kept) == 20


def test_decoding_in_threads_leaves_the_warning_filters_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("early.png", "late.png"):
        halves().save(tmp_path / name)
    early_began, late_began, early_ended = (threading.Event() for _ in range(3))
    original = Image.open

    def open_in_turn(path: Path) -> Image.Image:
        (early_began if path.name == "early.png" else late_began).set()
        if path.name == "early.png":
            late_began.wait(10)
        else:
            early_ended.wait(10)
        return original(path)

    def early() -> None:
        decode(tmp_path / "early.png", 8)
        early_ended.set()

    def late() -> None:
        early_began.wait(10)
        decode(tmp_path / "late.png", 8)

    monkeypatch.setattr(Image, "open", open_in_turn)
    with warnings.catch_warnings():
        before = list(warnings.filters)
        threads = [threading.Thread(target=target) for target in (early, late)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert list(warnings.filters) == before


def test_a_float_tiff_of_zero_to_one_is_scaled(tmp_path: Path) -> None:
    path = tmp_path / "float.tiff"
    Image.fromarray(np.array([[0.0, 1.0], [0.5, 0.25]], dtype=np.float32)).save(path)
    assert decode(path, 2)[0].tolist() == [[0, 255], [127, 63]]


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
    assert photos.images.float().mean() > 0  # who has them mapped keeps them
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
