"""Image files as pixels, in threads: whatever a file holds, it gives pixels or a reason, in bounded memory.

Shapes: H × W pixels of a file, S pixels a side of what is made of it.
"""

from __future__ import annotations

import os
import stat
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from pellucid.data import libtiff
from pellucid.data.bounds import MAX_FILE, MEMORY, USUAL, UnreadableError
from pellucid.data.grey import Grey, is_deep, white_of
from pellucid.data.opening import LOADED, decoding_bytes, kind, open_image
from pellucid.data.tiff import orientation
from pellucid.errors import first_line
from pellucid.spec import Fit, Values

TURNS: dict[object, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SPARE = 2**23  # bytes for tables, blocks and bands
MAX_REASON = 200  # signs of what Pillow says
WORKERS = min(32, os.cpu_count() or 1)
T = TypeVar("T")
RESAMPLING = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
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
    size: int,
    *,
    values: Values = (),
    fit: Fit = Fit(),  # noqa: B008 (it is frozen)
    odd: dict[Path, str] | None = None,
) -> NDArray[np.uint8] | str:
    """The pixels, or the reason, in a line, why there are none; ``odd`` takes what did not fit the values."""
    try:
        pixels_CSS = decode(path, size, grey := Grey(values), fit)
    except UnreadableError as error:
        return first_line(error)
    if odd is not None and (misfit := grey.odd()):
        odd[path] = misfit
    return pixels_CSS


def decode(
    path: Path,
    size: int,
    grey: Grey | None = None,
    fit: Fit = Fit(),  # noqa: B008
) -> NDArray[np.uint8]:
    """The photo as (3, S, S) uint8 RGB: turned upright, cropped at the centre and scaled to ``size``.

    Transparency is laid on white; what has more than 8 bits becomes 8 by ``grey``. Raises UnreadableError,
    whatever it holds.
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
            return _decode(file, size, grey or Grey(), fit, metadata=2 * status.st_size)
    except OSError as error:
        raise UnreadableError(error.strerror or first_line(error)) from error


def _decode(file: BinaryIO, size: int, grey: Grey, fit: Fit, metadata: int) -> NDArray[np.uint8]:
    """Within the memory that all threads share, of which the file's ``metadata`` may take so many bytes."""
    needed = max(USUAL, metadata)
    while True:  # once more where it needs more, which it waits for with nothing in hand
        with MEMORY.taken(needed):
            result = _pixels_or_bytes(file, size, grey, fit, needed - metadata)
        if not isinstance(result, int):
            return result
        needed = metadata + result
        if needed > MEMORY.total:
            raise UnreadableError(f"{needed / 2**30:.1f} GiB to decode, more than {MEMORY.total / 2**30:g}")


def _pixels_or_bytes(file: BinaryIO, size: int, grey: Grey, fit: Fit, limit: int) -> NDArray[np.uint8] | int:
    """The pixels; how many bytes decoding would take, where that is more than ``limit``.

    Whatever is raised here is the file's fault and UnreadableError: decoders raise anything where a header is
    damaged, KeyError, struct.error, ZeroDivisionError, MemoryError. A mistake of ours here would be told of
    every file, with its kind, and end the training as more than a tenth are left out.
    """
    try:
        with open_image(file, round(size / fit.crop)) as image:
            turn = TURNS.get(orientation(image))
            grey.white = white_of(image)
            each = _flat_bytes(image) + (0 if turn is None else LOADED.get(image.mode, 4))
            beside = each * image.width * image.height + 16 * size**2 + SPARE
            needed: int = decoding_bytes(image, file) + beside
            if needed > limit:
                return needed
            image.load()
            upright = image if turn is None else image.transpose(turn)
            flat = grey.eight_bits(upright) if is_deep(upright) else _flat(upright)
            bleed = (1 - fit.crop) / 2
            fitted = ImageOps.fit(flat, (size, size), RESAMPLING[fit.resample], bleed).convert("RGB")
    except UnreadableError:
        raise
    except UnidentifiedImageError as error:
        raise UnreadableError(kind(file)) from error
    except Exception as error:
        raise UnreadableError(_reason(error)) from error
    pixels_CSS: NDArray[np.uint8] = np.asarray(fitted).transpose(2, 0, 1)
    return pixels_CSS


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
