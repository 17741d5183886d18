"""Folders of photos: found, decoded once in parallel, and kept as one mapped file of pixels.

A cache entry is a folder named by a hash of the file list, sizes, times and image size. It is built beside
its place and renamed into it, so that a half-built one is never seen and two runs may build it at once.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
import tempfile
import time
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from pellucid.errors import UserError, first_line

log = logging.getLogger(__name__)

EXTENSIONS = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm"}
LARGEST_PIXELS = 178_956_970  # Pillow's own bound against decompression bombs
BAD_SHARE = 0.10  # of the files may be unreadable; above that something is wrong with the folder
KEY = re.compile(r"[0-9a-f]{24}(\.|$)")  # of an entry, and of one that is being built
ATTEMPTS = 3
AT_WORK = 600  # seconds after which nobody is still building an entry that has not grown
FORMAT = 1  # of the cache: what decode() gives for the same file


@dataclass(frozen=True)
class Photos:
    """Decoded photos: (N, 3, S, S) uint8, mapped from the cache, and which of the files they are."""

    images: Tensor
    kept: list[int]
    broken: dict[str, str]


@dataclass(frozen=True)
class Entry:
    """One set of photos in the cache: bytes, and seconds since 1970 when it was last used."""

    path: Path
    size: int
    used: float

    @classmethod
    def of(cls, path: Path) -> Entry:
        return cls(path, sum(file.stat().st_size for file in path.iterdir()), path.stat().st_mtime)

    @property
    def root(self) -> str:
        """The folder of the photos."""
        try:
            content = json.loads((self.path / "index.json").read_text(encoding="utf-8"))
            return str(content["root"])
        except (OSError, ValueError, KeyError, TypeError):
            return "?"


def find_photos(folder: Path) -> list[Path]:
    """Every image file below ``folder``, sorted; hidden files and folders are passed over."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in EXTENSIONS
        and not any(part.startswith((".", "__MACOSX")) for part in path.relative_to(folder).parts)
        and path.is_file()
    )


def decode(path: Path, size: int) -> NDArray[np.uint8]:
    """The photo as (3, size, size) uint8 RGB: turned upright, shorter side to ``size``, centre cropped.

    Transparency is laid on white; 16-bit grey is scaled to 8. Raises OSError or ValueError with the reason
    for a file that is none, is truncated, or has fewer than 2 or more than 179 million pixels.
    """
    with Image.open(path) as opened:
        if opened.width * opened.height > LARGEST_PIXELS:
            raise ValueError(f"{opened.width} × {opened.height} pixels, more than 179 million")
        if opened.width * opened.height < 2:
            raise ValueError("a single pixel")
        opened.draft("RGB", (2 * size, 2 * size))  # JPEGs are decoded at the nearest scale above
        upright = ImageOps.exif_transpose(opened)
        image = ImageOps.fit(_to_rgb(upright), (size, size), Image.Resampling.BILINEAR)
    pixels: NDArray[np.uint8] = np.asarray(image).transpose(2, 0, 1)
    return pixels


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        grey = np.asarray(image, dtype=np.float64)
        white = 65535.0 if image.mode != "F" else next((m for m in (1, 255) if grey.max() <= m), grey.max())
        return Image.fromarray((grey.clip(0, white) * (255 / white)).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        ground = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(ground, rgba).convert("RGB")
    return image.convert("RGB")


def load_photos(
    files: Sequence[Path],
    *,
    root: Path,
    size: int,
    cache: Path,
    cache_limit: float,
    beside: Sequence[Sequence[Path]] = (),
) -> Photos:
    """The files' pixels, from the cache or decoded into it.

    ``cache_limit``: GiB that the cache may take. What was not used for longest makes room for a new entry;
    not what ``beside``, more lists of files of the same root and size, has there: they are used together.
    Unreadable files are named in one warning and left out; more than a tenth of them is a UserError.
    """
    entry = cache / _key(files, root, size)
    others = {cache / _key(more, root, size) for more in beside}
    for _ in range(ATTEMPTS):
        index = _read_index(entry, size)
        if index is None:
            _make_room(cache, files, beside, size, cache_limit, keep={entry, *others})
            _build(entry, files, root, size)
            index = _read_index(entry, size)
        pixels = None if index is None else _map(entry, index, size)
        if index is None or pixels is None:
            continue  # another process has cleared it just now
        with suppress(OSError):  # a cache that may only be read
            os.utime(entry)  # when it was last used
        if index["broken"]:
            log.warning("%s", _broken_text(index["broken"], len(files)))
        return Photos(pixels, index["kept"], index["broken"])
    raise UserError(
        f"The photo cache {cache} is being cleared by other processes, {ATTEMPTS} times while photos were "
        "decoded into it. Raise data.cache_limit, or give each its own data.cache."
    )


def load_together(
    lists: Mapping[str, Sequence[Path]], *, root: Path, size: int, cache: Path, cache_limit: float
) -> dict[str, Photos]:
    """The pixels of several lists of files, as ``load_photos``; none makes room for another."""
    return {
        name: load_photos(
            files,
            root=root,
            size=size,
            cache=cache,
            cache_limit=cache_limit,
            beside=[more for other, more in lists.items() if other != name],
        )
        for name, files in lists.items()
    }


def _map(entry: Path, index: Mapping[str, Any], size: int) -> Tensor | None:
    """The entry's pixels; None where it is gone."""
    shape = (len(index["kept"]), 3, size, size)
    count = int(np.prod(shape))
    try:
        pixels = torch.from_file(str(entry / "pixels.bin"), shared=False, size=count, dtype=torch.uint8)
    except (OSError, RuntimeError):
        return None
    return pixels.view(shape)


def entries(cache: Path) -> list[Entry]:
    """What a cache holds, the least recently used first."""
    found = []
    for path in _ours(cache):
        with suppress(FileNotFoundError):  # removed by another process meanwhile
            if (path / "index.json").is_file():
                found.append(Entry.of(path))
    return sorted(found, key=lambda entry: entry.used)


def clear(cache: Path) -> int:
    """Remove all that a cache holds but what is being built; how many bytes that were."""
    freed = 0
    for path in _ours(cache):
        with suppress(FileNotFoundError):
            whole = (path / "index.json").is_file()
            if not whole and time.time() - (path / "pixels.bin").stat().st_mtime < AT_WORK:
                continue
            freed += Entry.of(path).size
            shutil.rmtree(path, ignore_errors=True)
    return freed


def _ours(cache: Path) -> list[Path]:
    """The folders in the cache that were made here; the user's own, if it is no such folder, stay."""
    return [path for path in cache.glob("*") if (path / "pixels.bin").is_file() and KEY.match(path.name)]


def _make_room(
    cache: Path,
    files: Sequence[Path],
    beside: Sequence[Sequence[Path]],
    size: int,
    limit: float,
    *,
    keep: Collection[Path],
) -> None:
    """Remove entries, not ``keep``, until all files stay within the limit, in GiB. Raises UserError."""
    needed = (len(files) + sum(len(more) for more in beside)) * 3 * size**2
    if needed > limit * 2**30:
        raise UserError(
            f"The photos' pixels take {needed / 2**30:.2g} GiB, more than data.cache_limit={limit}. "
            "Give the cache more, or use smaller images by data.image_size."
        )
    others = [entry for entry in entries(cache) if entry.path not in keep]
    while others and sum(entry.size for entry in others) + needed > limit * 2**30:
        shutil.rmtree(others.pop(0).path, ignore_errors=True)  # those who have it mapped keep it


def _read_index(entry: Path, size: int) -> dict[str, Any] | None:
    """What the entry holds; None where there is none, or where it is damaged."""
    try:
        index: dict[str, Any] = json.loads((entry / "index.json").read_text(encoding="utf-8"))
        whole = (entry / "pixels.bin").stat().st_size == len(index["kept"]) * 3 * size**2
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return index if whole else None


def _key(files: Sequence[Path], root: Path, size: int) -> str:
    digest = hashlib.sha256(os.fsencode(f"{FORMAT}/{size}/{root.resolve()}"))
    for path in files:
        found = path.stat() if path.exists() else None
        state = f"{found.st_size}\0{found.st_mtime_ns}" if found else "missing"
        digest.update(os.fsencode(f"{path.relative_to(root)}\0{state}\n"))
    return digest.hexdigest()[:24]


def _build(entry: Path, files: Sequence[Path], root: Path, size: int) -> None:
    from rich.progress import track

    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        half_built = Path(tempfile.mkdtemp(prefix=f"{entry.name}.", dir=entry.parent))
    except OSError as error:
        raise UserError(
            f"The photo cache {entry.parent} cannot be written ({error}). "
            "Choose another folder by data.cache=<folder>."
        ) from error
    try:
        kept, broken = [], {}
        workers = min(32, os.cpu_count() or 1)
        with (
            _pool(workers) as pool,
            warnings.catch_warnings(),
            (half_built / "pixels.bin").open("wb") as pixels,
        ):
            warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata
            decoded = pool.map(lambda path: decode_or_reason(path, size), files)
            for number, result in track(
                enumerate(decoded), "Decoding photos, once", total=len(files), transient=True
            ):
                if isinstance(result, str):
                    broken[str(files[number].relative_to(root))] = result
                else:
                    kept.append(number)
                    pixels.write(result.tobytes())
        if len(broken) > BAD_SHARE * len(files):
            raise UserError(
                _broken_text(broken, len(files)) + " More than a tenth cannot be used: mend or remove them."
            )
        index = {"root": str(root), "kept": kept, "broken": broken}
        (half_built / "index.json").write_text(json.dumps(index), encoding="utf-8")
        try:
            half_built.rename(entry)
        except OSError:  # another run was first; its entry is the same
            if _read_index(entry, size) is None:  # a damaged one
                shutil.rmtree(entry)
                half_built.rename(entry)
    except OSError as error:
        raise UserError(
            f"The photo cache {entry.parent} could not be written ({error}). Make room on that disk, "
            "or choose another folder by data.cache=<folder>."
        ) from error
    finally:
        shutil.rmtree(half_built, ignore_errors=True)


@contextmanager
def _pool(workers: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that leave the rest undone after an exception."""
    pool = ThreadPoolExecutor(workers)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def decode_or_reason(path: Path, size: int) -> NDArray[np.uint8] | str:
    """The pixels, or the reason why there are none."""
    try:
        return decode(path, size)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return first_line(error).replace(str(path), path.name)  # Pillow raises all of these


def _broken_text(broken: dict[str, str], count: int, most: int = 10) -> str:
    named = "; ".join(f"{file} ({why})" for file, why in list(broken.items())[:most])
    named = os.fsencode(named).decode(errors="backslashreplace")
    more = f"; and {len(broken) - most} more" if len(broken) > most else ""
    return f"{len(broken)} of {count} image files cannot be used and are left out: {named}{more}."
