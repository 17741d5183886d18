"""Image files opened: the kinds named here and no others, within bounds, by their headers alone."""

from __future__ import annotations

import logging
import struct
from typing import BinaryIO

from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile

from pellucid.data import libtiff
from pellucid.data.bounds import LARGEST_WORK, UnreadableError, check_size
from pellucid.data.tiff import HEADS, check_directory, tile_bytes

FORMATS = {  # by Pillow's names, and how such files' names end
    "JPEG": (".jpg", ".jpeg"),
    "PNG": (".png",),
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "PPM": (".ppm", ".pgm"),
}
EXTENSIONS = {ending for endings in FORMATS.values() for ending in endings}
STRANGERS = {  # what often bears such a name: where it says so, and what it is
    (0, b"%!PS"): "PostScript",
    (0, b"%PDF"): "PDF",
    (0, b"8BPS"): "Photoshop",
    (0, b"\0\0\1\0"): "ICO",
    (0, b"DDS "): "DDS",
    (0, b"\xff\x0a"): "JPEG XL",
    (4, b"JXL "): "JPEG XL",
    (4, b"jP  "): "JPEG 2000",
    (4, b"ftypavi"): "AVIF",
    (4, b"ftyp"): "HEIC or a video",
    (0, b"<"): "HTML or SVG",
    (0, b"PK"): "ZIP",
}
DECODING = {"WEBP": 12, "ppm": 9, "ppm_plain": 10, "bmp_rle": 3}  # bytes a pixel beside the image's own
LOADED = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}  # the others 4
logging.getLogger("PIL").setLevel(logging.CRITICAL)  # its lines name no file, the reasons do


class _Bare:
    """A plugin of Pillow that leaves EXIF alone: ``tiff.orientation`` reads it."""

    def getexif(self) -> Image.Exif:
        return Image.Exif()


class _Jpeg(_Bare, JpegImageFile):
    """The only one of a file, or the first of several (MPO)."""


class _Tiff(_Bare, TiffImageFile):
    """The first page."""


def open_image(file: BinaryIO, size: int) -> ImageFile:
    """The image, about to be decoded for ``size`` pixels a side. Raises what Pillow raises."""
    libtiff.forget()
    file.seek(0)
    head = file.read(4)
    file.seek(0)
    if head.startswith(b"\xff\xd8\xff"):
        image: ImageFile = _Jpeg(file)
    elif head in HEADS:
        check_directory(file)
        image = _Tiff(file)
    else:
        image = Image.open(file, formats=[name for name in FORMATS if name not in ("JPEG", "TIFF")])
    check_size(image.width, image.height)
    image.draft("RGB", (2 * size, 2 * size))  # JPEGs are decoded at the nearest scale above
    return image


def decoding_bytes(image: ImageFile, file: BinaryIO) -> int:
    """What loading its pixels takes at most. Raises UnreadableError for a JPEG of endless scans."""
    decoder = image.tile[0][0] if image.tile else str(image.format)
    each = LOADED.get(image.mode, 4) + DECODING.get(decoder, 0)
    taken = image.width * image.height * each
    if isinstance(image, JpegImageFile):
        return taken + _coefficients(image, file)
    if isinstance(image, TiffImageFile) and decoder == "libtiff":
        return taken + 3 * tile_bytes(image, file)
    return taken


def kind(file: BinaryIO) -> str:
    """What a file is that Pillow does not know."""
    file.seek(0)
    head = file.read(16)
    for (place, magic), name in STRANGERS.items():
        if head[place:].startswith(magic):
            return f"{name}, which is not read; expected {', '.join(FORMATS)}"
    return f"damaged, or none of {', '.join(FORMATS)}" if head else "an empty file"


def _coefficients(image: JpegImageFile, file: BinaryIO) -> int:
    """Bytes of all coefficients, which libjpeg keeps of the whole image where it comes in several scans."""
    layers = image.layers
    file.seek(-6 - 2 * layers, 1)  # Pillow has just read the first scan's header
    if file.read(3) == struct.pack(">HB", 6 + 2 * layers, layers) and "progressive" not in image.info:
        return 0
    pixels = image.width * image.height * image.decoderconfig[0] ** 2
    file.seek(0)
    scans = file.read().count(b"\xff\xda")
    if scans * pixels > LARGEST_WORK:
        raise UnreadableError(f"{pixels:,} pixels in {scans:,} scans")
    return int(2 * layers * pixels)
