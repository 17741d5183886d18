"""Image files made by hand to harm who opens them: each says in its name what is wrong with it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping

from tests.data.strangers import good_files, png

Chunk = tuple[bytes, bytes]
SIZES = (
    (170_000_000, 1),
    (1, 170_000_000),
    (2**31 - 1, 2),
    (2**32 - 1, 2**32 - 1),
    (65_536, 2),
    (65_535, 65_535),
    (16_384, 16_384),
    (65_535, 2),
    (3, 65_535),
    (0, 7),
    (7, 0),
    (1, 1),
)
GREY = b"\x00\x80"  # a row of one pixel


def hostile_files() -> dict[str, bytes]:
    """Some three hundred, by name."""
    found: dict[str, bytes] = {}
    for part in (_sizes, _beginnings, _png, _jpeg, _exif, _tiff, _gif, _webp, _bmp, _ppm):
        for name, content in part():
            assert name not in found
            found[name] = content
    return found


def tiff(
    tags: Mapping[int, tuple[int, int, int | bytes]],
    data: bytes = b"",
    *,
    order: str = "<",
    big: bool = False,
) -> bytes:
    """A TIFF of one directory: by tag the kind, the count and the value; ``data`` begins where bytes end.

    A value of bytes lies behind the directory. A value of -1 is the place of ``data``.
    """
    head = 16 if big else 8
    start = head + (8 + 20 * len(tags) + 8 if big else 2 + 12 * len(tags) + 4)
    behind = b"".join(value for _, _, value in tags.values() if isinstance(value, bytes))
    entries, place = b"", start
    for tag, (kind, count, value) in sorted(tags.items()):
        number = place if isinstance(value, bytes) else start + len(behind) if value == -1 else value
        place += len(value) if isinstance(value, bytes) else 0
        wide = "Q" if big else "L"
        short = kind == 3 and count == 1 and order == ">" and number < 2**16
        entries += struct.pack(f"{order}HH{wide}", tag, kind, count)
        entries += struct.pack(">HH", number, 0) if short and not big else struct.pack(order + wide, number)
    mark = (b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if big else 42)
    header = mark + (struct.pack(order + "HHQ", 8, 0, 16) if big else struct.pack(order + "L", 8))
    return (
        header
        + struct.pack(order + ("Q" if big else "H"), len(tags))
        + entries
        + bytes(8 if big else 4)
        + behind
        + data
    )


def grey_tiff(
    width: int, height: int, data: bytes = b"", **more: tuple[int, int, int | bytes] | None
) -> bytes:
    """8-bit grey; ``more`` tags by ``t<number>``, None to leave one out."""
    tags: dict[int, tuple[int, int, int | bytes] | None] = {
        256: (4, 1, width),
        257: (4, 1, height),
        258: (3, 1, 8),
        259: (3, 1, 1),
        262: (3, 1, 1),
        273: (4, 1, -1),
        277: (3, 1, 1),
        278: (4, 1, height),
        279: (4, 1, len(data)),
    }
    tags |= {int(name[1:]): value for name, value in more.items()}
    return tiff({tag: value for tag, value in tags.items() if value}, data)


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def jpeg(*segments: bytes, base: str = "base.jpg") -> bytes:
    """A good JPEG with more segments at its beginning."""
    return b"\xff\xd8" + b"".join(segments) + good_files()[base][2:]


def exif_jpeg(exif: bytes) -> bytes:
    return jpeg(
        *(segment(0xE1, b"Exif\0\0" + exif[i : i + 65_000]) for i in range(0, max(1, len(exif)), 65_000)),
        base="grey.jpg",
    )


def claiming(count: int, size: int) -> bytes:
    """A directory of so many tags, each of the same ``size`` bytes."""
    return tiff({0x8000 + i: (7, size, 8) for i in range(count)}, bytes(size))


def sized_jpeg(width: int, height: int, marker: int = 0xC0, layers: int = 3) -> bytes:
    """A header of this size, and hardly any data."""
    good = good_files()["progressive.jpg" if marker == 0xC2 else "base.jpg" if layers == 3 else "grey.jpg"]
    place = good.index(bytes([0xFF, marker]))
    return good[: place + 5] + struct.pack(">HH", height & 0xFFFF, width & 0xFFFF) + good[place + 9 :]


def riff(*chunks: Chunk, lie: int = 0) -> bytes:
    body = b"".join(
        name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for name, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4 + lie) + b"WEBP" + body


def bmp(
    width: int,
    height: int,
    bits: int = 24,
    packing: int = 0,
    data: bytes = b"",
    *,
    colours: int = 0,
    header: int = 40,
    start: int | None = None,
) -> bytes:
    fields = struct.pack("<IiiHHIIiiII", header, width, height, 1, bits, packing, len(data), 0, 0, colours, 0)
    return struct.pack("<2sIHHI", b"BM", 54 + len(data), 0, 0, 54 if start is None else start) + fields + data


def gif(
    width: int,
    height: int,
    *blocks: bytes,
    frame: tuple[int, int, int, int] | None = None,
    bits: int = 2,
    data: bytes = b"\2\x4c\1\0",
) -> bytes:
    """``frame``: left, top, width, height."""
    image = b"," + struct.pack("<4HB", *(frame or (0, 0, width, height)), 0) + bytes([bits]) + data
    return (
        b"GIF89a"
        + struct.pack("<HHBBB", width, height, 0x80, 0, 0)
        + bytes(6)
        + b"".join(blocks)
        + image
        + b";"
    )


def _sizes() -> Iterator[tuple[str, bytes]]:
    for width, height in SIZES:
        named = f"{width}x{height}"
        yield f"png {named}", png(width, height, 1, 0, zlib.compress(bytes(100)))
        yield f"deep png {named}", png(width, height, 16, 6, zlib.compress(bytes(100)), interlace=1)
        yield f"tiff {named}", grey_tiff(width, height, bytes(10))
        yield f"packed tiff {named}", grey_tiff(width, height, zlib.compress(bytes(100)), t259=(3, 1, 8))
        yield f"ppm {named}", f"P6 {width} {height} 255 ".encode() + bytes(10)
        yield f"float ppm {named}", f"Pf {width} {height} 1.0 ".encode() + bytes(10)
        yield f"plain ppm {named}", f"P3 {width} {height} 255 1 2 3".encode()
        if max(width, height) < 2**31:
            yield f"bmp {named}", bmp(width, height, data=bytes(10))
            yield f"runs bmp {named}", bmp(width, -height, 8, 1, bytes(1024) + b"\xff\1" * 10, start=54)
        if max(width, height) < 2**24 and min(width, height):
            canvas = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
            yield f"webp {named}", riff((b"VP8X", bytes(4) + canvas), (b"VP8L", b"\x2f" + bytes(10)))
        if max(width, height) < 2**16:
            yield f"gif {named}", gif(width, height)
            yield f"jpeg {named}", sized_jpeg(width, height)
            yield f"progressive jpeg {named}", sized_jpeg(width, height, 0xC2)


def _beginnings() -> Iterator[tuple[str, bytes]]:
    yield "empty", b""
    for name, good in good_files().items():
        for length in (1, 4, 12, 30):
            if name in ("base.jpg", "RGB.png", "RGB.bmp", "RGB.ppm", "plain.gif", "RGB.tif", "lossy.webp"):
                yield f"{length} bytes of {name}", good[:length]
    for name, head in (
        ("png", b"\x89PNG\r\n\x1a\n"),
        ("jpeg", b"\xff\xd8\xff"),
        ("tiff", b"MM\0*"),
        ("big tiff", b"II+\0\10\0\0\0"),
    ):
        yield f"{name} and zeros", head + bytes(100)
        yield f"{name} and ones", head + b"\xff" * 100


def _png() -> Iterator[tuple[str, bytes]]:
    good, bomb = zlib.compress(GREY), zlib.compress(bytes(4 * 2**20), 9)
    for name, chunk in {
        "packed text": (b"zTXt", b"note\0\0" + bomb),
        "packed international text": (b"iTXt", b"note\0\1\0\0\0" + bomb),
        "packed profile": (b"iCCP", b"icc\0\0" + bomb),
        "text for exif": (b"tEXt", b"exif\0Exif\0\0MM"),
        "text for transparency": (b"tEXt", b"transparency\0yes"),
        "text for the interlacing": (b"tEXt", b"interlace\0yes"),
        "text for a box": (b"tEXt", b"bbox\0(0,0,9,9)"),
        "raw exif": (b"tEXt", b"Raw profile type exif\0\nexif\n 9\nzz zz"),
        "orientation in xmp": (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation='99'/>"),
        "no transparency": (b"tRNS", b""),
        "much transparency": (b"tRNS", bytes(5000)),
        "an empty palette": (b"PLTE", b""),
        "an odd palette": (b"PLTE", b"12345"),
        "a long palette": (b"PLTE", bytes(3000)),
        "endless animation": (b"acTL", b"\xff" * 8),
        "no animation": (b"acTL", bytes(8)),
        "a frame without animation": (b"fcTL", b"\xff" * 26),
        "a short frame": (b"fcTL", bytes(3)),
        "exif of garbage": (b"eXIf", b"\xff" * 100),
        "exif that claims": (b"eXIf", claiming(3000, 100_000)),
        "a second header": (b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 6, 0, 0, 0)),
        "a short header": (b"IHDR", b"12"),
        "gamma of nothing": (b"gAMA", b""),
        "physics of nothing": (b"pHYs", b"\xff" * 9),
        "chromaticity of nothing": (b"cHRM", b"1"),
        "an unknown chunk": (b"quEE", bytes(9)),
        "a name of no letters": (b"\0\1\2\3", bytes(9)),
    }.items():
        for colour in (0, 3):
            yield f"png with {name}, colour {colour}", png(1, 2, 8, colour, zlib.compress(GREY * 2), chunk)
    yield (
        "png with much packed text",
        png(1, 2, 8, 0, good, *[(b"zTXt", b"n\0\0" + zlib.compress(bytes(2**20 - 9)))] * 80),
    )
    yield "png with a thousand empty parts", png(1, 2, 8, 0, b"", *[(b"IDAT", b"")] * 1000)
    yield "png without data", png(9, 9, 8, 2, b"")
    yield "png that unpacks for ever", png(9, 9, 8, 2, bomb)
    yield "png of an unknown filter", png(3, 2, 8, 0, zlib.compress(b"\x09abc" * 2))
    for field in ("filters", "interlace"):
        yield f"png of {field} 200", png(3, 2, 8, 0, zlib.compress(b"\0abc" * 2), **{field: 200})
    for bits in (0, 3, 16, 255):
        for colour in (0, 1, 3, 7):
            yield f"png of {bits} bits, colour {colour}", png(3, 2, bits, colour, zlib.compress(bytes(99)))


def _jpeg() -> Iterator[tuple[str, bytes]]:
    for marker in (0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xFE, 0xDB, 0xC4, 0xDA, 0xDD, 0xCC):
        for body in (b"", b"\xff" * 20):
            yield f"jpeg with a segment {marker:x} of {len(body)}", jpeg(segment(marker, body))
    for name, body in {
        "MPF of nothing": b"MPF\0",
        "MPF of garbage": b"MPF\0II*\0" + b"\xff" * 60,
        "MPF of text": b"MPF\0"
        + tiff({0xB000: (7, 4, 0), 0xB001: (2, 3, 0x313131), 0xB002: (7, 16, bytes(16))}),
        "MPF that claims": b"MPF\0" + claiming(2000, 30_000),
        "a profile's part of none": b"ICC_PROFILE\0",
        "a profile of 255 parts": b"ICC_PROFILE\0\1\xff" + bytes(9),
    }.items():
        yield f"jpeg with {name}", jpeg(segment(0xE2, body))
    yield "jpeg with a Photoshop block", jpeg(segment(0xED, b"Photoshop 3.0\x008BIM\3\xed\0\0\0\0\0\2ab"))
    yield "jpeg with a short Adobe mark", jpeg(segment(0xEE, b"Adobe"))
    yield "jpeg with 100 comments", jpeg(*[segment(0xFE, bytes(60_000))] * 100)
    yield "jpeg with junk", jpeg(b"x" * 200_000)
    yield "jpeg of markers alone", b"\xff\xd8" + b"\xff" * 200_000
    good = good_files()["base.jpg"]
    header = good.index(b"\xff\xc0")
    for layers in (0, 2, 5, 255):
        yield f"jpeg of {layers} layers", good[: header + 9] + bytes([layers]) + good[header + 10 :]
    for sampling in (0, 0x44, 0xFF):
        yield f"jpeg sampled {sampling:x}", good[: header + 11] + bytes([sampling]) + good[header + 12 :]
    yield "jpeg of 12 bits", good[: header + 4] + b"\x0c" + good[header + 5 :]
    yield "jpeg of two headers", good[:header] + good[header : header + 19] * 2 + good[header + 19 :]
    yield "jpeg without tables", b"\xff\xd8" + good[header:]
    yield "jpeg without a scan", good[: good.index(b"\xff\xda")] + b"\xff\xd9"
    scan = good_files()["progressive.jpg"]
    first = scan.index(b"\xff\xda")
    yield (
        "jpeg of 4,000 scans",
        sized_jpeg(20_000, 8_000, 0xC2)[:first]
        + (segment(0xDA, scan[first + 4 : first + 14]) + b"\0") * 4000,
    )


def _exif() -> Iterator[tuple[str, bytes]]:
    for order in "<>":
        for kind in (0, 1, 2, 3, 4, 5, 7, 10, 11, 12, 13, 99):
            yield (
                f"exif turned by a {kind} {order}",
                exif_jpeg(tiff({0x0112: (kind, 1, 6)}, bytes(8), order=order)),
            )
    for value in (0, 9, 65_535):
        yield f"exif turned by {value}", exif_jpeg(tiff({0x0112: (3, 1, value)}))
    for count in (0, 2, 2**32 - 1):
        yield f"exif turned {count} times", exif_jpeg(tiff({0x0112: (3, count, 6)}))
    whole = tiff({0x0112: (3, 1, 6)})
    for length in (0, 2, 8, 9, 15, 21):
        yield f"exif of {length} bytes", exif_jpeg(whole[:length])
    resolutions: dict[str, tuple[int, int, int | bytes]] = {
        "nothing": (5, 1, bytes(8)),
        "text": (2, 4, 0x31313131),
        "what lies elsewhere": (5, 1, 2**31),
    }
    for name, resolution in resolutions.items():
        yield f"exif of a resolution of {name}", exif_jpeg(tiff({0x011A: resolution, 0x0128: (3, 1, 2)}))
    yield "exif within itself", exif_jpeg(tiff({0x8769: (4, 1, 8), 0x8825: (4, 1, 8), 0xA005: (4, 1, 8)}))
    yield "exif that claims", exif_jpeg(claiming(5000, 500_000))


def _tiff() -> Iterator[tuple[str, bytes]]:
    tags = (
        256,
        257,
        258,
        259,
        262,
        266,
        273,
        277,
        278,
        279,
        284,
        317,
        320,
        322,
        323,
        324,
        325,
        338,
        339,
        347,
        530,
        34675,
    )
    for tag in tags:
        yield f"tiff of {tag} as text", grey_tiff(4, 4, bytes(16), **{f"t{tag}": (2, 9, b"999999999")})
        yield f"tiff of {tag} as a fraction", grey_tiff(4, 4, bytes(16), **{f"t{tag}": (5, 1, bytes(8))})
        yield (
            f"tiff of {tag} as many",
            grey_tiff(4, 4, bytes(16), **{f"t{tag}": (4, 50, b"\xff\xff\xff\xff" * 50)}),
        )
        yield f"tiff of {tag} as ones", grey_tiff(4, 4, bytes(16), **{f"t{tag}": (4, 1, 2**32 - 1)})
        yield f"tiff of {tag} as nothing", grey_tiff(4, 4, bytes(16), **{f"t{tag}": (4, 0, 0)})
    for packing in (
        2,
        3,
        4,
        5,
        6,
        7,
        8,
        32773,
        32946,
        34676,
        34677,
        34887,
        34892,
        34925,
        50000,
        50001,
        50002,
        65535,
    ):
        yield f"tiff packed by {packing}", grey_tiff(64, 64, bytes(range(256)), t259=(3, 1, packing))
    many = struct.pack("<L", 8) * 200_000
    yield (
        "tiff of 200,000 strips",
        grey_tiff(9, 65_000, t273=(4, 200_000, many), t279=(4, 200_000, many), t278=(4, 1, 1)),
    )
    for side in (60_000, 2**31 - 1, 2**32 - 1):
        tile = {
            "t322": (4, 1, side),
            "t323": (4, 1, side),
            "t324": (4, 1, -1),
            "t325": (4, 1, 9),
            "t273": None,
            "t279": None,
            "t278": None,
        }
        yield (
            f"tiff of a tile of {side}",
            grey_tiff(64, 64, zlib.compress(bytes(9999)), t259=(3, 1, 8), **tile),
        )
        yield f"plain tiff of a tile of {side}", grey_tiff(64, 64, bytes(9999), **tile)
    yield "tiff that claims", claiming(30_000, 1_000_000)
    yield (
        "tiff that is its own next page",
        grey_tiff(4, 4, bytes(16))[:-20] + struct.pack("<L", 8) + bytes(16),
    )
    yield "tiff within itself", grey_tiff(4, 4, bytes(16), t330=(4, 1, 8), t34665=(4, 1, 8), t34853=(4, 1, 8))
    yield (
        "tiff of numbers that are none",
        grey_tiff(
            2,
            2,
            struct.pack("<4f", float("nan"), float("inf"), -float("inf"), 1),
            t258=(3, 1, 32),
            t339=(3, 1, 3),
        ),
    )
    yield "big tiff of endless tags", b"II+\0\10\0\0\0" + struct.pack("<QQ", 16, 2**63) + bytes(4000)
    yield "big tiff far away", b"II+\0\10\0\0\0" + struct.pack("<Q", 2**64 - 1) + bytes(40)
    yield "big tiff", tiff({256: (16, 1, 2**40), 257: (16, 1, 2**40), 262: (3, 1, 1)}, big=True)


def _gif() -> Iterator[tuple[str, bytes]]:
    for bits in (0, 1, 12, 13, 255):
        yield f"gif of codes of {bits} bits", gif(4, 4, bits=bits)
    for frame in ((65_535, 65_535, 65_535, 65_535), (0, 0, 0, 0), (60_000, 0, 4, 4), (0, 0, 65_535, 65_535)):
        yield f"gif of a frame at {frame}", gif(4, 4, frame=frame)
    yield "gif of 20,000 comments", gif(4, 4, *[b"!\xfe\x05hello\0"] * 20_000)
    yield "gif of one long comment", gif(4, 4, b"!\xfe" + (b"\xff" + bytes(255)) * 10_000 + b"\0")
    yield "gif of 20,000 controls", gif(4, 4, *[b"!\xf9\4\x0d\xff\xff\xff\0"] * 20_000)
    yield "gif of an unknown extension", gif(4, 4, b"!\xff\x0bNETSCAPE2.0\1\1\0")
    yield "gif without data", gif(4, 4, data=b"\0")
    yield "gif without an image", b"GIF89a" + struct.pack("<HHBBB", 4, 4, 0, 0, 0) + b";"
    yield "gif of endless extensions", b"GIF89a" + struct.pack("<HHBBB", 4, 4, 0, 0, 0) + b"!" * 50_000


def _webp() -> Iterator[tuple[str, bytes]]:
    lossy, lossless = good_files()["lossy.webp"], good_files()["lossless.webp"]
    yield "webp of a lie", riff((b"VP8 ", lossy[20:]), lie=2**20)
    for flags in (0, 2, 16, 255):
        for side in (1, 30, 16_384):
            canvas = bytes([flags, 0, 0, 0]) + struct.pack("<I", side - 1)[:3] * 2
            yield f"webp of flags {flags}, canvas {side}", riff((b"VP8X", canvas), (b"VP8 ", lossy[20:]))
            yield (
                f"webp of flags {flags}, frames on {side}",
                riff((b"VP8X", canvas), (b"ANIM", bytes(6)), (b"ANMF", bytes(16) + lossy[12:])),
            )
    canvas = b"\x1c" + bytes(3) + struct.pack("<I", 30)[:3] + struct.pack("<I", 22)[:3]
    for name, chunk in {
        "exif": (b"EXIF", claiming(3000, 100_000)),
        "xmp": (b"XMP ", b"<" * 100_000),
        "alpha": (b"ALPH", b"\xff" * 9),
    }.items():
        yield f"webp with {name}", riff((b"VP8X", canvas), chunk, (b"VP8 ", lossy[20:]), chunk)
    yield "webp of garbage", riff((b"VP8L", b"\x2f" + b"\xff" * 60))
    yield "webp cut off", lossless[:-30]


def _bmp() -> Iterator[tuple[str, bytes]]:
    for bits in (0, 1, 2, 4, 8, 15, 16, 24, 32, 48, 64):
        for packing in (0, 1, 2, 3, 4, 11):
            yield f"bmp of {bits} bits packed by {packing}", bmp(4, 4, bits, packing, bytes(range(100)))
    for header in (0, 12, 16, 64, 124, 2**31, 2**32 - 1):
        yield f"bmp with a header of {header}", bmp(4, 4, header=header, data=bytes(200))
    for colours in (1, 3, 257, 65_536, 2**31):
        yield f"bmp of {colours} colours", bmp(4, 4, 8, colours=colours, data=bytes(2000))
    for start in (0, 20, 2**31, 2**32 - 1):
        yield f"bmp that begins at {start}", bmp(4, 4, data=bytes(100), start=start)
    yield "bmp of runs that jump", bmp(3_000, 500, 8, 1, bytes(1024) + b"\0\2\xff\xff" * 30, start=1078)
    yield "bmp of runs without end", bmp(100, 100, 8, 1, bytes(1024) + b"\0\xff", start=1078)


def _ppm() -> Iterator[tuple[str, bytes]]:
    for number in ("-1", "1e9", "0x10", "9" * 30, "4294967297", "٣", "", "1_0"):
        yield f"ppm of width {number}", f"P6 {number} 4 255\n".encode() + bytes(99)
        yield f"ppm of values to {number}", f"P6 4 4 {number}\n".encode() + bytes(99)
        yield f"plain ppm with {number}", f"P3 4 4 255\n1 2 {number} 3 4 5".encode()
    for scale in ("nan", "inf", "-inf", "0", "1e-400"):
        yield f"float ppm of scale {scale}", f"Pf 2 2 {scale}\n".encode() + bytes(16)
    yield "ppm of a comment alone", b"P6 # " + b"x" * 100_000
    yield "ppm of a number without end", b"P2 4 4 255 " + b"9" * 3_000_000
    yield "ppm of bits that are none", b"P1 4 4 012345"
    for magic in (b"P0", b"P7", b"PyP", b"PyRGBA", b"P0CMYK", b"Pz"):
        yield f"ppm {magic.decode()}", magic + b" 4 4 255\n" + bytes(99)
