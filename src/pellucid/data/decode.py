"""Image files as pixels, in threads: whatever a file holds, it gives pixels or a reason, in bounded memory.

Shapes: C channels, H × W pixels of a file and of what is made of it; ``size``: those of the latter.
"""

from __future__ import annotations

import os
import stat
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from pellucid.data import libtiff
from pellucid.data.array import is_array, read_head
from pellucid.data.bounds import MAX_FILE, MEMORY, USUAL, UnreadableError
from pellucid.data.fitting import MAX_ASPECT, covered, cut, resized
from pellucid.data.grey import Grey, is_deep, white_of
from pellucid.data.opening import LOADED, decoding_bytes, kind, open_image
from pellucid.data.tiff import HEADS, orientation, read_pages
from pellucid.errors import counted, first_line
from pellucid.spec import CROP, Fit, Size, Values, sides

TURNS: dict[object, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
PAGES = ("1", "L", "I;16", "I;16B", "I;16L", "I;16N", "I", "F")  # of a page that is a channel
SPARE = 2**23  # bytes for tables, blocks and bands
MAX_REASON = 200  # signs of what Pillow says
WORKERS = min(32, os.cpu_count() or 1)
OF_PHOTOS = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}  # modes, by the number of channels that are asked for
GREY = (0.299, 0.587, 0.114)  # ITU-R 601, as Pillow's mode L
T = TypeVar("T")
R = TypeVar("R")


def in_threads(work: Callable[[T], R], items: Iterable[T], *, ahead: int) -> Generator[R, None, None]:
    """The results of ``work`` in threads, in order; so many results, and no more, wait to be taken."""
    waiting: deque[Future[R]] = deque()
    pool = ThreadPoolExecutor(WORKERS)
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)  # after an exception the rest stays undone


@contextmanager
def decoding(work: Callable[[Path], R], files: Iterable[Path], *, ahead: int) -> Iterator[Iterator[R]]:
    """``in_threads`` for those who decode, without Pillow's remarks on odd metadata."""
    with warnings.catch_warnings(), closing(in_threads(work, files, ahead=ahead)) as results:
        warnings.simplefilter("ignore")
        yield results


def decode_or_reason(
    path: Path,
    size: Size,
    *,
    channels: int = 3,
    values: Values = (),
    fit: Fit = Fit(),  # noqa: B008 (it is frozen)
    whole: bool = False,
    odd: dict[Path, str] | None = None,
) -> NDArray[np.uint8] | str:
    """The pixels, or the reason, in a line, why there are none; ``odd`` takes what did not fit the values."""
    try:
        pixels_CHW = decode(path, size, grey := Grey(values), fit, channels, whole=whole)
    except UnreadableError as error:
        return first_line(error)
    if odd is not None and (misfit := grey.odd()):
        odd[path] = misfit
    return pixels_CHW


def decode(
    path: Path,
    size: Size,
    grey: Grey | None = None,
    fit: Fit = Fit(),  # noqa: B008
    channels: int = 3,
    *,
    whole: bool = False,
) -> NDArray[np.uint8]:
    """The image as (channels, H, W) uint8: turned upright and brought to ``size`` as ``fit`` says; ``whole``:
    one that is to be cropped before that.

    Of a photo 3 are RGB, transparency laid on white, 1 is their grey, 4 have transparency beside RGB and 2
    beside grey; of an array, and of a TIFF file of so many pages of grey, they are its own. What has more
    than 8 bits becomes 8 by ``grey``. Raises UnreadableError, whatever it holds.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe or a device might never end
            raise UnreadableError(
                "a folder that cannot be read" if stat.S_ISDIR(status.st_mode) else "no file"
            )
        if status.st_size > MAX_FILE:
            raise UnreadableError(f"{status.st_size / 2**30:.1f} GiB, more than {MAX_FILE / 2**30:g}")
        with path.open("rb") as file:
            wanted = _Wanted(channels, *sides(size), fit)
            pixels_CHW = _decode(file, wanted, grey or Grey(), metadata=2 * status.st_size)
            return pixels_CHW if whole else cut(pixels_CHW, wanted.height, wanted.width, fit)
    except OSError as error:
        raise UnreadableError(error.strerror or first_line(error)) from error


@dataclass(frozen=True)
class _Wanted:
    """What is made of a file."""

    channels: int
    height: int
    width: int
    fit: Fit

    def fitted(self, image: Image.Image) -> Image.Image:
        """The image at the size that it is cut at."""
        return resized(image, self.height, self.width, self.fit)

    def stacked(self, planes: Iterable[Image.Image]) -> NDArray[np.uint8]:
        """Images in mode L, each a channel."""
        return np.stack([np.asarray(self.fitted(plane)) for plane in planes])

    def check(self, channels: int, what: str) -> None:
        """Raise UnreadableError where the file has not the channels that are wanted."""
        if channels != self.channels:
            raise UnreadableError(f"{what}; expected {counted(self.channels, 'channel')}")

    @property
    def bytes(self) -> int:
        """What it takes at most, and Pillow with it."""
        high, wide = covered(self.height, self.width, self.fit)
        return (13 + self.channels) * high * wide * (MAX_ASPECT if self.fit.mode == CROP else 1)


def _decode(file: BinaryIO, wanted: _Wanted, grey: Grey, metadata: int) -> NDArray[np.uint8]:
    """Within the memory that all threads share, of which the file's ``metadata`` may take so many bytes."""
    needed = max(USUAL, metadata)
    while True:  # once more where it needs more, which it waits for with nothing in hand
        with MEMORY.taken(needed):
            result = _pixels_or_bytes(file, wanted, grey, needed - metadata)
        if not isinstance(result, int):
            return result
        needed = metadata + result
        if needed > MEMORY.total:
            raise UnreadableError(f"{needed / 2**30:.1f} GiB to decode, more than {MEMORY.total / 2**30:g}")


def _pixels_or_bytes(file: BinaryIO, wanted: _Wanted, grey: Grey, limit: int) -> NDArray[np.uint8] | int:
    """The pixels; how many bytes decoding would take, where that is more than ``limit``.

    Whatever is raised here is the file's fault and UnreadableError: decoders raise anything where a header is
    damaged, KeyError, struct.error, ZeroDivisionError, MemoryError. A mistake of ours here would be told of
    every file, with its kind, and end the training as more than a tenth are left out.
    """
    try:
        return (_array if is_array(file) else _image)(file, wanted, grey, limit)
    except UnreadableError:
        raise
    except UnidentifiedImageError as error:
        raise UnreadableError(kind(file)) from error
    except Exception as error:
        raise UnreadableError(_reason(error)) from error


def _array(file: BinaryIO, wanted: _Wanted, grey: Grey, limit: int) -> NDArray[np.uint8] | int:
    head = read_head(file)
    repeats = wanted.channels == 3 and head.channels(wanted.channels) == 1  # grey as RGB
    if not repeats:
        wanted.check(head.channels(wanted.channels), "an array " + " × ".join(map(str, head.shape)))
    needed = 2 * head.nbytes + 2 * head.pixels + wanted.bytes + SPARE
    if needed > limit:
        return needed
    grey.white = head.white
    planes_CHW = head.planes(file, wanted.channels)
    pixels_CHW = wanted.stacked(grey.plane(plane_HW, channel) for channel, plane_HW in enumerate(planes_CHW))
    return pixels_CHW.repeat(3, axis=0) if repeats else pixels_CHW


def _image(file: BinaryIO, wanted: _Wanted, grey: Grey, limit: int) -> NDArray[np.uint8] | int:
    channels, (high, wide) = wanted.channels, covered(wanted.height, wanted.width, wanted.fit)
    pages = _page_numbers(file) if channels > 1 else []
    with open_image(file, wide, high) as image:
        turn = TURNS.get(orientation(image))
        grey.white = white_of(image)
        each = 8 if channels in (2, 4) else _flat_bytes(image)
        each += 0 if turn is None else LOADED.get(image.mode, 4)
        beside = each * image.width * image.height + wanted.bytes + SPARE
        needed: int = decoding_bytes(image, file) + beside
        if needed > limit:
            return needed
        if len(pages) > 1 and image.mode in PAGES and (len(pages) == channels or channels not in (1, 3)):
            wanted.check(len(pages), f"a TIFF file of {len(pages)} pages")
            return wanted.stacked(_pages(image, pages, grey, turn))
        image.load()
        upright = image if turn is None else image.transpose(turn)
        if channels not in OF_PHOTOS:
            wanted.check(len(image.getbands()), f"a photo, {image.mode}")
        if channels in (2, 4):
            if is_deep(upright):
                upright = grey.eight_bits(upright)
            fitted = wanted.fitted(upright.convert("RGBA")).convert(OF_PHOTOS[channels])
        else:
            flat = grey.eight_bits(upright) if is_deep(upright) else _flat(upright)
            fitted = wanted.fitted(flat).convert("RGB")
    pixels_CHW: NDArray[np.uint8] = np.asarray(fitted).transpose(2, 0, 1)
    if channels == 1:
        grey_HW = np.tensordot(np.array(GREY), pixels_CHW, 1)
        return np.round(grey_HW).astype(np.uint8)[None]
    return pixels_CHW


def grey_pages(file: BinaryIO) -> int:
    """How many a TIFF file has, where it has several; else 0. Raises UnreadableError."""
    pages = _page_numbers(file)
    if len(pages) < 2:
        return 0
    try:
        with open_image(file, 1, 1) as image:
            return len(pages) if image.mode in PAGES else 0
    except UnreadableError:
        raise
    except Exception as error:
        raise UnreadableError(_reason(error)) from error


def _page_numbers(file: BinaryIO) -> list[int]:
    """Those of a TIFF file's pages; none of another file, or a damaged one."""
    file.seek(0)
    head = file.read(4)
    file.seek(0)
    if head not in HEADS:
        return []
    with suppress(UnreadableError):
        return read_pages(file)
    return []


def _pages(
    image: Image.Image, pages: Sequence[int], grey: Grey, turn: Image.Transpose | None
) -> Iterator[Image.Image]:
    """Pages in mode L. Raises UnreadableError where they are not of one size and kind."""
    first = image.size
    for channel, page in enumerate(pages):
        image.seek(page)
        if image.size != first:
            raise UnreadableError(
                "pages of different sizes: {} × {} and {} × {} pixels".format(*first, *image.size)
            )
        if image.mode not in PAGES:
            raise UnreadableError(f"pages of different kinds: grey and {image.mode}")
        image.load()
        plane = grey.plane(np.asarray(image if is_deep(image) else image.convert("L")), channel)
        yield plane if turn is None else plane.transpose(turn)


def _reason(error: Exception) -> str:
    """What is wrong with a file of which Pillow says that."""
    if isinstance(error, SyntaxError) and error.args and isinstance(error.args[0], Exception):
        error = error.args[0]  # a header that led to KeyError, IndexError, …
    text = first_line(error)[:MAX_REASON]
    if isinstance(error, (OSError, ValueError, SyntaxError, Image.DecompressionBombError)):
        return f"{text}: {message}" if (message := libtiff.last_message()) else text
    return f"damaged ({type(error).__name__}: {text})"


def flat_pixels(image: Image.Image) -> Image.Image:
    """An image of any mode as RGB or 8-bit grey; of more bits the lowest of its type is black."""
    if not is_deep(image):
        return _flat(image)
    grey = Grey()
    grey.white = white_of(image)
    return grey.eight_bits(image)


def _flat(image: Image.Image) -> Image.Image:
    """RGB or 8-bit grey."""
    if _is_transparent(image):
        rgba = image if image.mode == "RGBA" else image.convert("RGBA")
        ground = Image.new("RGB", rgba.size, "white")
        ground.paste(rgba, mask=rgba)
        return ground
    return image if image.mode in ("L", "RGB") else image.convert("RGB")


def _flat_bytes(image: Image.Image) -> int:
    """What ``_flat`` takes of each pixel beside the image."""
    if is_deep(image):
        return 1
    if _is_transparent(image):
        return 4 if image.mode == "RGBA" else 8
    return 0 if image.mode in ("L", "RGB") else 4


def _is_transparent(image: Image.Image) -> bool:
    return image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info
