"""Image files as strangers may send them: good ones of every kind, damaged ones, hostile ones."""

from __future__ import annotations

import functools
import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin, features

HEIGHT, BREADTH = 23, 31


def _picture(mode: str) -> Image.Image:
    """Smooth colours with noise, so that each part of a decoder is used."""
    y, x = np.mgrid[:HEIGHT, :BREADTH]
    colours = np.stack([x * 8, y * 11, (x + y) * 4, 255 - x * 5], axis=-1)
    noisy = colours + np.random.default_rng(0).integers(0, 20, colours.shape)
    rgba = Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
    if mode == "I;16":
        return Image.fromarray((noisy[..., 0] * 200).astype(np.uint16))
    if mode == "F":
        return Image.fromarray(noisy[..., 0].astype(np.float32))
    if mode == "P":
        return rgba.convert("RGB").quantize(64)
    return rgba.convert("RGB").convert(mode) if mode in ("CMYK", "YCbCr", "LAB") else rgba.convert(mode)


def _saved(mode: str, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    _picture(mode).save(file, kind, **options)
    return file.getvalue()


def _more() -> list[Image.Image]:
    return [_picture("RGB").rotate(90), _picture("RGB").rotate(180)]


@functools.cache
def good_files() -> dict[str, bytes]:
    """By name, valid small files: of what is read here in all modes, and of what is not."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x9286] = 6, "maker", b"comment"
    text = PngImagePlugin.PngInfo()
    text.add_text("note", "x" * 300, zip=True)
    text.add_itxt("XML:com.adobe.xmp", '<x tiff:Orientation="8"/>')
    found = {
        "base.jpg": _saved("RGB", "JPEG", exif=exif, icc_profile=b"p" * 200, comment=b"hello"),
        "progressive.jpg": _saved("RGB", "JPEG", progressive=True, subsampling=0),
        "restarts.jpg": _saved("RGB", "JPEG", restart_marker_blocks=1),
        "grey.jpg": _saved("L", "JPEG"),
        "inks.jpg": _saved("CMYK", "JPEG"),
        "several.jpg": _saved("RGB", "MPO", save_all=True, append_images=_more()),
        "text.png": _saved("RGB", "PNG", pnginfo=text, exif=exif, icc_profile=b"p" * 200, dpi=(72, 72)),
        "palette.png": _saved("P", "PNG", transparency=bytes(range(64))),
        "animated.png": _saved("RGBA", "PNG", save_all=True, append_images=_more()),
        "interlaced.png": _interlaced(),
        "plain.gif": _saved("P", "GIF", transparency=3, comment=b"hello"),
        "animated.gif": _saved("P", "GIF", save_all=True, append_images=_more(), loop=0),
        "turned.tif": _saved("RGB", "TIFF", exif=exif),
        "pages.tif": _saved("RGB", "TIFF", save_all=True, append_images=_more()),
        "big.tif": _saved("RGB", "TIFF", big_tiff=True),
        "jpeg.tif": _saved("YCbCr", "TIFF", compression="jpeg"),
        "fax.tif": _saved("1", "TIFF", compression="group4"),
        "fax3.tif": _saved("1", "TIFF", compression="group3"),
        "lossless.webp": _saved("RGBA", "WEBP", lossless=True, exif=exif, icc_profile=b"p" * 200),
        "lossy.webp": _saved("RGB", "WEBP"),
        "animated.webp": _saved("RGB", "WEBP", save_all=True, append_images=_more()),
        "bits.ppm": _saved("1", "PPM"),
        "float.ppm": b"Pf\n3 2\n-1.0\n" + np.linspace(0, 1, 6, dtype="<f4").tobytes(),
        "deep.pgm": b"P5 3 2 65535\n" + bytes(range(12)),
        "plain.ppm": b"P3 2 2 255\n# text\n" + b"255 0 0 " * 4,
        "odd.ppm": b"P6 4 4 100\n" + bytes(range(48)),
        "rle.bmp": _run_lengths(),
    }
    if features.check("avif"):
        found["turned.avif"] = _saved("RGB", "AVIF", exif=exif)
        found["clear.avif"] = _saved("RGBA", "AVIF")
    for mode in ("1", "L", "LA", "I;16", "P", "RGB", "RGBA"):
        found[f"{mode}.png"] = _saved(mode, "PNG")
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        found[f"{mode}.bmp"] = _saved(mode, "BMP")
    for mode in ("1", "L", "LA", "I;16", "I", "F", "P", "RGB", "RGBA", "CMYK", "LAB"):
        found[f"{mode}.tif"] = _saved(mode, "TIFF")
    for packing in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "lzma"):
        found[f"{packing}.tif"] = _saved("RGB", "TIFF", compression=packing)
    for mode in ("L", "RGB"):
        found[f"{mode}.ppm"] = _saved(mode, "PPM")
    return found | other_kinds()


def other_kinds() -> dict[str, bytes]:
    """Of kinds that are not read here, under names that are."""
    found = {
        "eps.jpg": _saved("RGB", "EPS"),
        "ico.png": _saved("RGBA", "ICO", sizes=[(16, 16)]),
        "dds.png": _saved("RGBA", "DDS"),
        "tga.bmp": _saved("RGB", "TGA"),
        "sgi.png": _saved("RGB", "SGI"),
        "pcx.gif": _saved("P", "PCX"),
        "icns.png": _saved("RGBA", "ICNS"),
        "pdf.jpg": _saved("RGB", "PDF"),
        "blp.png": _saved("P", "BLP"),
        "qoi.png": _qoi(),
        "psd.png": _psd(),
        "gbr.png": struct.pack(">6I4sI", 28, 2, 4, 4, 4, 4, b"GIMP", 25) + bytes(64),
        "page.jpg": b"<!DOCTYPE html><html>404</html>",
        "zip.jpg": b"PK\3\4" + bytes(40),
        "photo.heic.jpg": b"\0\0\0\x18ftypheic" + bytes(60),
        "film.gif": b"\0\0\0\x18ftypisom" + bytes(60),
        "long.jpg": b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(60),
    }
    Image.init()
    if "JPEG2000" in Image.SAVE:
        found["j2k.png"] = _saved("RGB", "JPEG2000")
    return found


def _qoi() -> bytes:
    return b"qoif" + struct.pack(">IIBB", 4, 4, 3, 0) + bytes([0xFE, 1, 2, 3, 0xC0 | 14]) + bytes(7) + b"\1"


def _psd() -> bytes:
    return b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, 4, 4, 8, 3) + bytes(12) + bytes(2) + bytes(48)


def _run_lengths() -> bytes:
    """A BMP of 4 × 4 pixels in runs."""
    palette = b"".join(bytes([i, 0, 255 - i, 0]) for i in range(256))
    runs = b"\4\7\0\0" * 4 + b"\0\1"
    header = struct.pack("<IiiHHIIiiII", 40, 4, 4, 1, 8, 1, len(runs), 0, 0, 256, 0)
    start = 14 + len(header) + len(palette)
    return struct.pack("<2sIHHI", b"BM", start + len(runs), 0, 0, start) + header + palette + runs


def png(
    width: int, height: int, bits: int, colour: int, data: bytes, *chunks: tuple[bytes, bytes], **head: int
) -> bytes:
    """A PNG of these fields; ``chunks`` stand before the ``data``, packed as they are."""
    header = struct.pack(
        ">IIBBBBB", width, height, bits, colour, 0, head.get("filters", 0), head.get("interlace", 0)
    )
    parts = [(b"IHDR", header), *chunks, (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts
    )


def _interlaced() -> bytes:
    """Grey, of 8 × 8 pixels, in seven passes."""
    passes = ((1, 1), (1, 1), (1, 2), (2, 2), (2, 4), (4, 4), (4, 8))  # height, width
    rows = b"".join((b"\0" + bytes(range(width))) * height for height, width in passes)
    return png(8, 8, 8, 0, zlib.compress(rows), interlace=1)


def damaged(random: np.random.Generator, files: list[bytes]) -> Iterator[bytes]:
    """Endlessly, files with bytes changed, cut off, repeated, or put in from another."""
    while True:
        content = bytearray(files[random.integers(len(files))])
        for _ in range(random.integers(1, 4)):
            _damage(random, content, files)
        yield bytes(content)


def _damage(random: np.random.Generator, content: bytearray, files: list[bytes]) -> None:
    def place(most: int | None = None) -> int:
        return int(random.integers(max(1, min(len(content), most or len(content)))))

    what = random.integers(7)
    if not content:
        return
    if what == 0:
        for _ in range(random.integers(1, 9)):  # in the header mostly
            content[place(150)] = random.integers(256)
    elif what == 1:
        content[place()] ^= 1 << random.integers(8)
    elif what == 2:
        del content[place() :]
    elif what == 3:
        start = place()
        del content[start : start + random.integers(1, 30)]
    elif what == 4:
        start = place(150)  # a number at its limits
        content[start : start + 4] = (b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f")[
            random.integers(4)
        ]
    elif what == 5:
        start = place()
        content[start:start] = content[start : start + random.integers(1, 60)] * int(random.integers(1, 5))
    else:
        other = files[random.integers(len(files))]
        start, end = sorted(random.integers(len(other) + 1, size=2))
        content[place() :] = other[start:end]
