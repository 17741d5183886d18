"""Image files opened: the kinds named here and no others, within bounds, by their headers alone."""

from __future__ import annotations

import functools
import importlib
import logging
import struct
from contextlib import suppress
from typing import BinaryIO

from PIL import Image, features
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile

from pellucid.data import libtiff
from pellucid.data.bounds import MAX_WORK, UnreadableError, check_size
from pellucid.data.tiff import HEADS, check_directory, tile_bytes

FORMATS = {  # by Pillow's names, and how such files' names end
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "PNG": (".png",),
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
    "AVIF": (".avif",),  # where Pillow was built with it, or pillow-avif-plugin is there
    "HEIF": (".heic", ".heif", ".hif"),  # where pillow-heif is there
}
ARRAYS = (".npy",)  # read by ``pellucid.data.array``
KINDS = (*FORMATS, "NPY")
PACKAGES = {"AVIF": ("pillow_avif", "pillow-avif-plugin"), "HEIF": ("pillow_heif", "pillow-heif")}
BY_PILLOW = [name for name in FORMATS if name not in ("JPEG", "TIFF", *PACKAGES)]
OTHERS = (".jp2", ".j2k", ".jpx", ".jpf", ".jxl", ".tga")  # of images that are not read: they are named
EXTENSIONS = {ending for endings in (*FORMATS.values(), ARRAYS, OTHERS) for ending in endings}
KNOWN = (  # images that are passed over, and told; TIFF's like whose pixels are a preview
    *(".dng", ".cr2", ".cr3", ".crw", ".nef", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw", ".raw"),
    *(".exr", ".hdr", ".dcm", ".psd", ".svg", ".eps", ".ico", ".dds", ".pcx", ".jxr", ".wdp", ".fits"),
    *(".nii", ".svs", ".czi", ".xcf"),
)
BRANDS = {"AVIF": (b"avif", b"avis"), "HEIF": (b"heic", b"heix", b"hevc", b"heim", b"mif1")}
STRANGERS = {  # what often bears such a name: where it says so, and what it is
    (0, b"%!PS"): "PostScript",
    (0, b"%PDF"): "PDF",
    (0, b"8BPS"): "Photoshop",
    (0, b"\0\0\1\0"): "ICO",
    (0, b"DDS "): "DDS",
    (0, b"\xff\x0a"): "JPEG XL",
    (4, b"JXL "): "JPEG XL",
    (4, b"jP  "): "JPEG 2000",
    (4, b"ftyp"): "a video, or HEIC of an unknown brand",
    (0, b"<"): "HTML or SVG",
    (0, b"PK"): "ZIP",
}
RESOLUTION = (282, 283, 296)  # tags of a TIFF file
DECODING = {  # bytes a pixel beside the image's own
    **{"WEBP": 12, "AVIF": 14, "HEIF": 20},
    **{"ppm": 9, "ppm_plain": 10, "bmp_rle": 3},
}
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

    def _setup(self) -> None:
        for tag in RESOLUTION:  # Pillow computes with them, whatever they are
            if tag in self.tag_v2:
                del self.tag_v2[tag]
        super()._setup()


def open_image(file: BinaryIO, width: int, height: int) -> ImageFile:
    """The image, about to be decoded for so many pixels. Raises what Pillow raises."""
    libtiff.forget()
    file.seek(0)
    head = file.read(4)
    file.seek(0)
    if head.startswith(b"\xff\xd8\xff"):
        image: ImageFile = _Jpeg(file)
    elif head in HEADS:
        check_directory(file)
        image = _Tiff(file)
    elif name := boxed(file):
        if not has_reader(name):
            raise UnreadableError(f"{name}, which pip install {PACKAGES[name][1]} reads")
        image = Image.open(file, formats=[name])
    else:
        image = Image.open(file, formats=BY_PILLOW)
    check_size(image.width, image.height)
    image.draft("RGB", (2 * width, 2 * height))  # JPEGs are decoded at the nearest scale above
    return image


def boxed(file: BinaryIO) -> str | None:
    """AVIF or HEIF, which a file says in its first box; neither for any other."""
    file.seek(0)
    head = file.read(64)
    file.seek(0)
    if head[4:8] != b"ftyp":
        return None
    brands = head[8 : min(int.from_bytes(head[:4], "big"), len(head))]
    return next((name for name, marks in BRANDS.items() if any(mark in brands for mark in marks)), None)


@functools.cache
def has_reader(name: str) -> bool:
    """Whether Pillow reads this kind, by itself or with the package for it."""
    if name == "AVIF" and features.check("avif"):
        from PIL import AvifImagePlugin

        AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # each with frames of its own
    else:
        with suppress(ImportError):
            module = importlib.import_module(PACKAGES[name][0])
            getattr(module, "register_heif_opener", bool)()
    return name in Image.OPEN


def decoding_bytes(image: ImageFile, file: BinaryIO) -> int:
    """What loading its pixels takes at most. Raises UnreadableError for a JPEG of endless scans."""
    decoder = image.tile[0][0] if image.tile and image.format not in PACKAGES else str(image.format)
    each = LOADED.get(image.mode, 4) + DECODING.get(decoder, 0)
    total = image.width * image.height * each
    if isinstance(image, JpegImageFile):
        return total + _coefficients(image, file)
    if isinstance(image, TiffImageFile) and decoder == "libtiff":
        return total + 3 * tile_bytes(image, file)
    return total


def kind(file: BinaryIO) -> str:
    """What a file is that Pillow does not know."""
    file.seek(0)
    head = file.read(16)
    for (offset, magic), name in STRANGERS.items():
        if head[offset:].startswith(magic):
            return f"{name}, which is not read; expected {', '.join(KINDS)}"
    return f"damaged, or none of {', '.join(KINDS)}" if head else "an empty file"


def _coefficients(image: JpegImageFile, file: BinaryIO) -> int:
    """Bytes of all coefficients, which libjpeg keeps of the whole image where it comes in several scans."""
    layers = image.layers
    file.seek(-6 - 2 * layers, 1)  # Pillow has just read the first scan's header
    if file.read(3) == struct.pack(">HB", 6 + 2 * layers, layers) and "progressive" not in image.info:
        return 0
    pixels = image.width * image.height * image.decoderconfig[0] ** 2
    file.seek(0)
    scans = file.read().count(b"\xff\xda")
    if scans * pixels > MAX_WORK:
        raise UnreadableError(f"{pixels:,} pixels in {scans:,} scans")
    return int(2 * layers * pixels)
