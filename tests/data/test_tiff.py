"""How the camera was held, and a TIFF file's directory."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pellucid.data.bounds import UnreadableError
from pellucid.data.decode import decode
from pellucid.data.tiff import read_pages
from tests.data.hostile import exif_jpeg, tiff
from tests.data.photos import halves, is_turned, noise, turned
from tests.data.strangers import good_files


@pytest.mark.parametrize("name", ["turned.jpg", "turned.png", "turned.webp"])
def test_a_turned_photo_is_put_upright(tmp_path: Path, name: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera's left is up: turn a quarter clockwise
    halves().save(tmp_path / name, exif=exif, quality=95)
    out = decode(tmp_path / name, 16).astype(int)
    top, bottom = out[:, 3, 8], out[:, 12, 8]
    assert top[0] > 200 > 50 > top[2]
    assert bottom[2] > 200 > 50 > bottom[0]


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


@pytest.mark.parametrize("unit", [2, 3])
@pytest.mark.parametrize(
    "value", [(2, 6, b"72dpi\0"), (10, 1, struct.pack("<ll", -1, 0)), (7, 8, b"abcdefgh")]
)
def test_an_odd_resolution_of_a_tiff_is_left_alone(tmp_path: Path, value: Any, unit: int) -> None:
    tags = {256: (4, 1, 2), 257: (4, 1, 2), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1)}
    tags |= {273: (4, 1, -1), 274: (3, 1, 3), 277: (3, 1, 1), 278: (4, 1, 2), 279: (4, 1, 4)}
    (tmp_path / "a.tif").write_bytes(tiff(tags | {282: value, 283: value, 296: (3, 1, unit)}, b"\0\1\2\3"))
    assert decode(tmp_path / "a.tif", 2)[0].tolist() == [[3, 2], [1, 0]]


def pages(kinds: list[int], *, following: int = 0) -> io.BytesIO:
    """Directories of one tag, NewSubfileType, one after another; ``following``: where the last one leads."""
    size = 2 + 12 + 4
    content = b"II*\0" + struct.pack("<L", 8)
    for number, kind in enumerate(kinds):
        behind = 8 + (number + 1) * size if number < len(kinds) - 1 else following
        content += struct.pack("<H", 1) + struct.pack("<HHLL", 254, 4, 1, kind) + struct.pack("<L", behind)
    return io.BytesIO(content)


def test_smaller_copies_and_masks_are_no_pages() -> None:
    assert read_pages(pages([0, 1, 2, 4, 0])) == [0, 2, 4]


def test_pages_without_an_end() -> None:
    with pytest.raises(UnreadableError, match="pages without an end"):
        read_pages(pages([0, 0], following=8 + 18))
    with pytest.raises(UnreadableError, match=r"over 1,024 pages"):
        read_pages(pages([0] * 1030))
    assert read_pages(pages([0, 0], following=10**6)) == [0, 1]  # cut short


def test_many_bands_in_a_page_are_told(tmp_path: Path) -> None:
    sides: dict[int, tuple[int, int, int | bytes]] = {256: (3, 1, 8), 257: (3, 1, 8)}
    (tmp_path / "a.tif").write_bytes(tiff({**sides, 277: (3, 1, 13)}))
    with pytest.raises(UnreadableError, match=r"13 bands in a page.*a page a band, or \.npy"):
        decode(tmp_path / "a.tif", 8, channels=13)
