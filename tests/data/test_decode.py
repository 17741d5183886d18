"""One photo, of any kind and mode, as pixels; and many in threads."""

from __future__ import annotations

import io
import os
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import EpsImagePlugin, Image, ImageFile

from pellucid.data import decode as module
from pellucid.data import grey
from pellucid.data.bounds import Budget, UnreadableError
from pellucid.data.decode import decode, decode_or_reason, in_threads
from tests.data.hostile import exif_jpeg, tiff
from tests.data.strangers import good_files

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
    with pytest.raises(UnreadableError, match="a single pixel"):
        decode(tmp_path / "a.png", 8)


def test_a_huge_image_is_refused_by_its_header(huge: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(self: ImageFile.ImageFile) -> None:
        raise AssertionError("its pixels were read")

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    with pytest.raises(UnreadableError, match="pixels"):
        decode(huge, 8)


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


def test_a_float_tiff_of_zero_to_one_is_scaled(tmp_path: Path) -> None:
    path = tmp_path / "float.tiff"
    Image.fromarray(np.array([[0.0, 1.0], [0.5, 0.25]], dtype=np.float32)).save(path)
    assert decode(path, 2)[0].tolist() == [[0, 255], [127, 63]]


# --- how the camera was held -----------------------------------------------------------------


def is_turned(path: Path) -> bool:
    """Whether what was red on the left is above now; ``upright`` otherwise."""
    red_above = decode(path, 16)[0].astype(int)
    return bool(red_above[3, 8] > 150 > red_above[12, 8])


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [1, 3, 4])
def test_the_orientation_may_be_any_whole_number(tmp_path: Path, kind: int, order: str) -> None:
    value = 6 if order == "<" or kind == 4 else 6 << (24 if kind == 1 else 16)
    exif = io.BytesIO()
    halves().save(exif, "JPEG", exif=b"Exif\0\0" + tiff({0x0112: (kind, 1, value)}, order=order), quality=95)
    (tmp_path / "a.jpg").write_bytes(exif.getvalue())
    assert is_turned(tmp_path / "a.jpg")


def test_every_orientation_is_put_upright(tmp_path: Path) -> None:
    pixels = noise(16, 16, 3)
    for orientation in range(1, 9):
        for name in ("a.png", "a.tif"):
            Image.fromarray(pixels).save(tmp_path / name, exif=turned(orientation))
            back = decode(tmp_path / name, 16).transpose(1, 2, 0)
            ways = (np.rot90(view, times) for view in (pixels, pixels.swapaxes(0, 1)) for times in range(4))
            assert any(np.array_equal(back, way) for way in ways)
            upright = np.array_equal(back, pixels)
            assert upright == (orientation == 1), (name, orientation)


def test_xmp_is_asked_where_exif_says_nothing(tmp_path: Path) -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" tiff:Orientation="6"/>'
    halves().save(tmp_path / "a.webp", xmp=xmp, quality=95)
    assert is_turned(tmp_path / "a.webp")
    halves().save(tmp_path / "b.webp", xmp=xmp, exif=turned(1), quality=95)
    assert not is_turned(tmp_path / "b.webp")


def test_the_exif_that_imagemagick_writes_is_read(tmp_path: Path) -> None:
    from PIL import PngImagePlugin

    content = turned(6).tobytes()
    text = PngImagePlugin.PngInfo()
    text.add_text("Raw profile type exif", f"\nexif\n{len(content):8}\n{content.hex()}\n")
    halves().save(tmp_path / "a.png", pnginfo=text)
    assert is_turned(tmp_path / "a.png")


@pytest.mark.parametrize(
    "exif",
    [b"", b"MM", b"II*\0\xff\xff\xff\xff", b"no exif", tiff({0x0112: (3, 1, 99)}), tiff({0x0112: (2, 1, 6)})],
    ids=["none", "cut off", "elsewhere", "text", "99", "a letter"],
)
def test_odd_metadata_leave_the_pixels_as_they_are(tmp_path: Path, exif: bytes) -> None:
    (tmp_path / "odd.jpg").write_bytes(exif_jpeg(exif))
    (tmp_path / "plain.jpg").write_bytes(good_files()["grey.jpg"])
    assert np.array_equal(decode(tmp_path / "odd.jpg", 8), decode(tmp_path / "plain.jpg", 8))


def test_of_several_jpegs_in_a_file_the_first_is_taken(tmp_path: Path) -> None:
    picture = halves()
    picture.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[Image.new("RGB", (60, 40))])
    picture.save(tmp_path / "b.jpg")
    assert np.array_equal(decode(tmp_path / "a.jpg", 16), decode(tmp_path / "b.jpg", 16))


# --- numbers of more than 8 bits --------------------------------------------------------------


def test_large_grey_of_16_bits_is_converted_as_a_small_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grey, "BAND", 50)
    pixels = np.random.default_rng(0).integers(0, 65536, (16, 16)).astype(np.uint16)
    Image.fromarray(pixels).save(tmp_path / "deep.png")
    Image.fromarray(pixels).save(tmp_path / "deep.tif")
    for name in ("deep.png", "deep.tif"):
        expected = (pixels * (255 / 65535)).astype(np.uint8)
        assert np.array_equal(decode(tmp_path / name, 16)[0], expected)


def test_what_is_no_number_is_black_and_endless_is_white(tmp_path: Path) -> None:
    values = np.array([[np.nan, np.inf], [-np.inf, 1.0]], dtype=np.float32)
    Image.fromarray(values).save(tmp_path / "float.tif")
    assert decode(tmp_path / "float.tif", 2)[0].tolist() == [[0, 255], [0, 255]]


@pytest.mark.parametrize(
    ("array", "values", "black_grey_white", "odd"),
    [
        ([0.0, 0.5, 1.01], (), [0, 127, 255], "values from 0 to 1.01, beyond 0 to 1"),
        ([0.0, 1.0, 2.0], (0, 2), [0, 127, 255], ""),
        ([np.nan, 0.5, 1.0], (), [0, 127, 255], "1 values are no finite number"),
        ([np.nan, 0.0, 1.0], (-1, 1), [0, 127, 255], "1 values are no finite number"),
        ([0, 2048, 4095], (0, 4095), [0, 127, 255], ""),
        ([-1000, 500, 2000], (-1000, 2000), [0, 127, 255], ""),
        ([0, 1, 2], (), [0, 0, 0], ""),
    ],
)
def test_grey_of_more_than_8_bits_has_the_range_that_is_given_or_its_types(
    tmp_path: Path, array: list[float], values: tuple[float, ...], black_grey_white: list[int], odd: str
) -> None:
    kind = np.int32 if isinstance(array[0], int) else np.float32
    Image.fromarray(np.array([array] * 3, dtype=kind)).save(tmp_path / "a.tif")
    said: dict[Path, str] = {}
    found = decode_or_reason(tmp_path / "a.tif", 3, values=values, odd=said)
    assert not isinstance(found, str)
    assert found[0].tolist() == [black_grey_white] * 3
    assert said.get(tmp_path / "a.tif", "").replace("3 values", "1 values") == odd


def test_12_bits_of_a_tiff_are_told_by_its_header(tmp_path: Path) -> None:
    packed = bytes.fromhex("fff800" * 2)  # 4095 and 2048 in each row
    tags = {256: (4, 1, 2), 257: (4, 1, 2), 258: (3, 1, 12), 259: (3, 1, 1), 262: (3, 1, 1)}
    tags |= {273: (4, 1, -1), 277: (3, 1, 1), 278: (4, 1, 2), 279: (4, 1, 6)}
    path = tmp_path / "a.tif"
    path.write_bytes(tiff(tags, packed))
    assert decode(path, 2)[0].tolist() == [[255, 127], [255, 127]]


# --- what is none of ours ---------------------------------------------------------------------


def test_postscript_under_another_name_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(*given: Any, **options: Any) -> None:
        raise AssertionError("Ghostscript was started")

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", start)
    path = tmp_path / "photo.jpg"
    path.write_bytes(good_files()["eps.jpg"])
    assert decode_or_reason(path, 8) == (
        "PostScript, which is not read; expected JPEG, PNG, BMP, GIF, TIFF, WEBP, PPM"
    )


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("avif.png", "AVIF, which is not read"),
        ("photo.heic.jpg", "HEIC or a video"),
        ("page.jpg", "HTML or SVG"),
        ("j2k.png", "JPEG 2000"),
        ("blp.png", "damaged, or none of JPEG, PNG, BMP, GIF, TIFF, WEBP, PPM"),
    ],
)
def test_other_kinds_are_named(tmp_path: Path, name: str, reason: str) -> None:
    if name not in good_files():
        pytest.skip("this Pillow cannot write it")
    path = tmp_path / name
    path.write_bytes(good_files()[name])
    assert str(decode_or_reason(path, 8)).startswith(reason)


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


def test_what_libtiff_says_stands_in_the_reason(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    good = good_files()["tiff_adobe_deflate.tif"]
    strip = good.index(b"\x78")  # where zlib's data begin
    path = tmp_path / "a.tif"
    path.write_bytes(good[:strip] + bytes(20) + good[strip + 20 :])
    reason = str(decode_or_reason(path, 8))
    assert reason.startswith("decoder error -2: ZIPDecode: ")
    path.write_bytes(b"P3 2 2 none")
    assert "ZIPDecode" not in str(decode_or_reason(path, 8)), "of another file"
    assert capfd.readouterr().err == ""


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


def test_who_wants_all_is_not_overtaken() -> None:
    budget, order = Budget(10), list[str]()
    first, second = threading.Event(), threading.Event()

    def large() -> None:
        with budget.taken(10):
            order.append("large")

    def small() -> None:
        with budget.taken(1):
            order.append("small")

    with budget.taken(1):
        threads = [threading.Thread(target=target) for target in (large, small)]
        threads[0].start()
        first.wait(0.05)  # until it waits
        threads[1].start()
        second.wait(0.05)
        assert order == []
    for thread in threads:
        thread.join()
    assert order == ["large", "small"]


def test_what_was_taken_is_given_back_after_an_exception() -> None:
    budget = Budget(1)
    for _ in range(3):
        with pytest.raises(KeyError), budget.taken(1):
            raise KeyError


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
