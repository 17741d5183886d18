"""One photo, of any kind and mode, as pixels; and many in threads."""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pellucid.data import decode as module
from pellucid.data.bounds import Budget, UnreadableError
from pellucid.data.decode import decode, decode_or_reason, in_threads
from pellucid.data.grey import Grey
from pellucid.spec import Fit
from tests.data.photos import BLUE, RED, WHITE, centre, halves, noise


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
    with pytest.raises(UnreadableError, match="a single pixel"):
        decode(tmp_path / "a.png", 8)


def test_decoding_in_threads_leaves_the_warning_filters_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("early.png", "late.png"):
        halves().save(tmp_path / name)
    early_began, late_began, early_ended = (threading.Event() for _ in range(3))
    original = Image.open

    def open_in_turn(file: Any, **options: Any) -> Image.Image:
        early = file.name.endswith("early.png")
        (early_began if early else late_began).set()
        (late_began if early else early_ended).wait(10)
        return original(file, **options)

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


def test_of_several_jpegs_in_a_file_the_first_is_taken(tmp_path: Path) -> None:
    picture = halves()
    picture.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[Image.new("RGB", (60, 40))])
    picture.save(tmp_path / "b.jpg")
    assert np.array_equal(decode(tmp_path / "a.jpg", 16), decode(tmp_path / "b.jpg", 16))


# --- what is none of ours ---------------------------------------------------------------------


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    assert decode_or_reason(tmp_path / "pipe.png", 8) == "no file"
    assert decode_or_reason(tmp_path / "folder.png", 8) == "a folder that cannot be read"
    assert decode_or_reason(tmp_path / "missing.png", 8) == "No such file or directory"


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    path.touch()
    os.truncate(path, 2**31)
    assert decode_or_reason(path, 8) == "2.0 GiB, more than 1"


# --- memory -----------------------------------------------------------------------------------


def test_who_takes_from_a_budget_never_has_more_than_all(monkeypatch: pytest.MonkeyPatch) -> None:
    budget, had, most = Budget(100), [0], [0]
    lock = threading.Lock()

    def take(wanted: int) -> int:
        with budget.taken(wanted):
            with lock:
                had[0] += wanted
                most[0] = max(most[0], had[0])
            time.sleep(0.0005)
            with lock:
                had[0] -= wanted
        return wanted

    monkeypatch.setattr(module, "WORKERS", 16)
    wanted = [int(number) for number in np.random.default_rng(0).integers(1, 101, 100)]
    assert list(in_threads(take, wanted, ahead=50)) == wanted
    assert 50 < most[0] <= 100


def test_a_large_picture_waits_for_its_share_and_has_the_same_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []

    class Noted(Budget):
        def taken(self, wanted: int) -> Any:
            taken.append(wanted)
            return super().taken(wanted)

    Image.fromarray(noise(60, 50, 4)).save(tmp_path / "a.png")
    usual = decode(tmp_path / "a.png", 8)
    monkeypatch.setattr(module, "USUAL", 30_000)
    monkeypatch.setattr(module, "SPARE", 0)
    monkeypatch.setattr(module, "MEMORY", Noted(10**6))
    assert np.array_equal(decode(tmp_path / "a.png", 8), usual)
    file = 2 * (tmp_path / "a.png").stat().st_size
    assert taken == [max(30_000, file), file + 60 * 50 * (4 + 4) + 16 * 8**2]
    monkeypatch.setattr(module, "MEMORY", Noted(40_000))
    assert str(decode_or_reason(tmp_path / "a.png", 8)).endswith("GiB to decode, more than 3.72529e-05")


def test_so_many_results_wait_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []
    results = in_threads(lambda number: begun.append(number) or number, range(1000), ahead=10)  # type: ignore[func-returns-value]
    assert next(results) == 0
    time.sleep(0.02)
    assert len(begun) <= 12
    results.close()
    assert len(begun) <= 12
    assert list(in_threads(str, range(30), ahead=3)) == [str(number) for number in range(30)]


def test_an_exception_ends_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WORKERS", 1)

    def numbers() -> Iterator[int]:
        yield from range(1000)

    with pytest.raises(ZeroDivisionError):
        list(in_threads(lambda number: 1 // (number - 3), numbers(), ahead=4))


def test_a_photo_is_cropped_as_pretrained_weights_ask(tmp_path: Path) -> None:
    pixels = np.zeros((40, 60, 3), dtype=np.uint8)
    pixels[10:30, 20:40] = 255  # the square of half the shorter side, at the centre
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    assert decode(tmp_path / "photo.png", 20, fit=Fit("bicubic", 0.5)).min() == 255
    assert decode(tmp_path / "photo.png", 20).min() == 0


def test_an_image_that_is_not_square_keeps_its_proportions(tmp_path: Path) -> None:
    pixels = np.zeros((20, 60, 3), np.uint8)
    pixels[:, 14:46] = 255  # the middle part of 2:3, and what is averaged at its edges
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    assert decode(tmp_path / "wide.png", (10, 15)).shape == (3, 10, 15)
    assert decode(tmp_path / "wide.png", (10, 15)).min() == 255
    assert decode(tmp_path / "wide.png", (10, 30)).min() == 0


def test_pages_of_grey_are_channels(tmp_path: Path) -> None:
    pages = [np.full((6, 9), 1000 * number, np.uint16) for number in range(5)]
    first, *others = map(Image.fromarray, pages)
    for compression in (None, "tiff_lzw"):
        path = tmp_path / f"{compression}.tif"
        first.save(path, save_all=True, append_images=others, compression=compression)
        values = (0.0, 4000.0)
        assert decode(path, (6, 9), Grey(values), channels=5)[:, 0, 0].tolist() == [0, 63, 127, 191, 255]
        assert decode(path, (6, 9), Grey(values)).max() == 0  # as a photo it is its first page
        with pytest.raises(UnreadableError, match="a TIFF file of 5 pages; expected 7 channels"):
            decode(path, 6, channels=7)
    first.save(tmp_path / "odd.tif", save_all=True, append_images=[Image.new("I;16", (9, 7))])
    with pytest.raises(UnreadableError, match="pages of different sizes: 9 × 6 and 9 × 7 pixels"):
        decode(tmp_path / "odd.tif", 6, channels=2)


def test_arrays_are_channels_and_grey_ones_a_photo(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(12, dtype=np.uint8).reshape(2, 2, 3))
    assert decode(tmp_path / "a.npy", 2).tolist() == [[[0, 3], [6, 9]], [[1, 4], [7, 10]], [[2, 5], [8, 11]]]
    np.save(tmp_path / "grey.npy", np.array([[0, 0.5], [1, np.nan]]))
    assert decode(tmp_path / "grey.npy", 2).tolist() == [[[0, 127], [255, 0]]] * 3
    assert decode(tmp_path / "grey.npy", 2, channels=1).tolist() == [[[0, 127], [255, 0]]]
    grey = Grey((0.0, 1.0, 0.0, 0.5))  # each channel from its own black to its own white
    np.save(tmp_path / "two.npy", np.full((2, 2, 3), [0, 0.5, 1]))
    assert decode(tmp_path / "two.npy", (2, 3), grey, channels=2)[:, 0].tolist() == [
        [0, 127, 255],
        [0, 255, 255],
    ]


def test_a_photo_has_not_thirteen_channels(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    with pytest.raises(UnreadableError, match="a photo, RGB; expected 13 channels"):
        decode(tmp_path / "a.png", 8, channels=13)
