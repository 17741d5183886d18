"""The directory of a TIFF file, which EXIF has too, and how the camera was held.

Read here before Pillow reads it: for it, a directory may name the same bytes a thousand times, and a file of
a megabyte take gigabytes (all of them before Pillow 13; strips and tiles in any).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from contextlib import suppress
from io import BytesIO
from typing import Any, BinaryIO, NamedTuple

from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from pellucid.data.bounds import UnreadableError
from pellucid.spec import MAX_CHANNELS

HEADS = (b"II*\0", b"MM\0*", b"II\0*", b"MM*\0", b"II+\0", b"MM\0+")  # what Pillow takes for TIFF
INTEGERS = {1: "B", 3: "H", 4: "L", 6: "b", 8: "h", 9: "l", 16: "Q", 17: "q"}  # kinds of whole numbers
SIZES = {kind: struct.calcsize("=" + code) for kind, code in INTEGERS.items()}  # of a value, by its kind
SIZES |= {2: 1, 5: 8, 7: 1, 10: 8, 11: 4, 12: 8, 13: 4, 18: 8}
ORIENTATION, STRIPS, TILES, KIND = 0x0112, 273, 324, 254
COPY_OR_MASK = 0b101  # bits of KIND
BANDS, MAX_BANDS = 277, 4  # that Pillow takes in a page
MAX_DIRECTORY = 65_535  # tags
MAX_TILING = 2**17  # strips or tiles, of which Pillow makes an object each
PREFIX = re.compile(rb"^(Exif\0\0)*")
XMP = r'tiff:Orientation(?:="|>)([1-8])'


class Tag(NamedTuple):
    """A tag of a directory. ``first``: where the values stand in the directory and are whole numbers."""

    values: int
    first: int | None


def read_directory(file: BinaryIO) -> dict[int, Tag]:
    """The first directory's tags, as many as there are before the file ends.

    Raises UnreadableError where there is none, or where they claim more than the file holds.
    """
    try:
        return _read(file, file.seek(0, 2))
    except struct.error as error:
        raise UnreadableError("damaged, or no TIFF file") from error


def read_pages(file: BinaryIO) -> list[int]:
    """Numbers of the pages that are images of their own, no smaller copies or masks of others.

    Raises UnreadableError for a directory of a page that Pillow should not open.
    """
    size, offset = file.seek(0, 2), None
    seen: set[int | None] = set()
    pages = []
    try:
        while offset != 0:
            if offset in seen or len(seen) > MAX_CHANNELS:
                raise UnreadableError(
                    "pages without an end" if offset in seen else f"over {MAX_CHANNELS:,} pages"
                )
            seen.add(offset)
            tags, offset = _read_at(file, size, offset)
            _check_tiling(tags)
            if not (tags[KIND].first or 0 if KIND in tags else 0) & COPY_OR_MASK:
                pages.append(len(seen) - 1)
    except struct.error:
        pass  # cut short after the last page
    return pages


def _read(file: BinaryIO, size: int) -> dict[int, Tag]:
    return _read_at(file, size)[0]


def _read_at(file: BinaryIO, size: int, page: int | None = None) -> tuple[dict[int, Tag], int]:
    """The tags of the directory at that byte, or the first, and where the next one is; 0 where none is."""
    file.seek(0)
    head = file.read(16)
    if head[:4] not in HEADS:
        raise UnreadableError("no TIFF file")
    order, big = ">" if head[:2] == b"MM" else "<", head[2:3] == b"+"
    (offset,) = struct.unpack_from(order + ("Q" if big else "L"), head, 8 if big else 4)
    file.seek(min(offset if page is None else page, size))
    (count,) = struct.unpack(order + ("Q" if big else "H"), file.read(8 if big else 2))
    if count > MAX_DIRECTORY:
        raise UnreadableError(f"a directory of {count:,} tags")
    entry = struct.Struct(order + ("HHQ8s" if big else "HHL4s"))
    entries = file.read(count * entry.size)
    tags: dict[int, Tag] = {}
    claimed = 0
    for tag, kind, number, field in entry.iter_unpack(entries[: len(entries) // entry.size * entry.size]):
        length = number * SIZES.get(kind, 0)
        claimed += length if len(field) < length <= size else 0  # more than the file is left out by Pillow
        inside = kind in INTEGERS and 0 < length <= len(field)
        value = struct.unpack_from(order + INTEGERS[kind], field)[0] if inside else None
        tags.setdefault(tag, Tag(number, value))
    if claimed > 2 * size:
        raise UnreadableError("a directory that names the same bytes again and again")
    following = file.read(8 if big else 4)
    whole = len(entries) == count * entry.size and len(following) == (8 if big else 4)
    return tags, int.from_bytes(following, "big" if order == ">" else "little") if whole else 0


def check_directory(file: BinaryIO) -> None:
    """Raise UnreadableError for a TIFF file that Pillow should not open."""
    tags = read_directory(file)
    _check_tiling(tags)
    if BANDS in tags and (tags[BANDS].first or 0) > MAX_BANDS:
        raise UnreadableError(
            f"a TIFF file of {tags[BANDS].first} bands in a page, which is not read; expected a page "
            "a band, or .npy files"
        )
    file.seek(0)


def _check_tiling(tags: Mapping[int, Tag]) -> None:
    tiling = max((tags[kind].values for kind in (STRIPS, TILES) if kind in tags), default=0)
    if tiling > MAX_TILING:
        raise UnreadableError(f"{tiling:,} strips or tiles")


def tile_bytes(image: TiffImageFile, file: BinaryIO) -> int:
    """Bytes of a strip or a tile, which libtiff decodes as a whole."""
    tags = read_directory(file)
    values = {tag: value.first for tag, value in tags.items() if value.first}
    width, height = image.width, min(values.get(278, image.height), image.height)
    if TILES in tags:
        width, height = values.get(322, width), values.get(323, image.height)
    bits = image.tag_v2.get(258, (1,))
    return int(width * height * max(4, sum(bits) / 8, bits[0] * values.get(BANDS, 1) / 8))  # 4: YCbCr as RGBA


def orientation(image: Image.Image) -> object:
    """How the camera was held, 1 to 8, by EXIF, else by XMP; anything else where neither can be read."""
    if isinstance(image, TiffImageFile):
        return image.tag_v2.get(ORIENTATION)
    with suppress(ValueError):  # UnreadableError is one
        tags = read_directory(BytesIO(PREFIX.sub(b"", _exif(image.info))))
        if ORIENTATION in tags:
            return tags[ORIENTATION].first
    for name in ("XML:com.adobe.xmp", "xmp"):
        text = _text(image.info.get(name))
        if match := re.search(XMP, text):
            return int(match[1])
    return None


def _exif(info: Mapping[str | tuple[int, int], Any]) -> bytes:
    """EXIF as the format has it, or as ImageMagick writes it into a PNG's text; both may be of any type."""
    exif = info.get("exif")
    if isinstance(exif, bytes):
        return exif
    return bytes.fromhex("".join(_text(info.get("Raw profile type exif")).split("\n")[3:]))


def _text(value: object) -> str:
    """Of a PNG's texts, which are str, and other formats' bytes."""
    return value.decode("latin-1") if isinstance(value, bytes) else value if isinstance(value, str) else ""
