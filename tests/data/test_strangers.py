"""Whatever a file holds, it gives pixels or a reason; in bounded memory, and in silence."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import subprocess
import sys
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, features

from pellucid.data import decode as module
from pellucid.data.bounds import Budget
from pellucid.data.decode import decode_or_reason, decoding
from pellucid.data.opening import EXTENSIONS, has_reader
from tests.data.hostile import bmp, grey_tiff, hostile_files
from tests.data.strangers import damaged, good_files, other_kinds

SIZE = 8
ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow's remarks on odd metadata


def outcomes(contents: Iterable[bytes], folder: Path) -> Iterator[str]:
    """A reason for each, or nothing where there are pixels; under all names in turn."""
    for number, (content, ending) in enumerate(
        zip(contents, itertools.cycle(sorted(EXTENSIONS)), strict=False)
    ):
        path = folder / f"{number}{ending}"
        path.write_bytes(content)
        result = decode_or_reason(path, SIZE)
        path.unlink()
        if isinstance(result, str):
            assert result.strip()
            assert len(result.splitlines()) == 1
            assert len(result) < 500
            yield result
        else:
            assert result.shape == (3, SIZE, SIZE)
            assert result.dtype == np.uint8
            yield ""


def fuzzed(seed: int) -> Iterator[bytes]:
    return damaged(np.random.default_rng(seed), list(good_files().values()))


def test_what_is_promised_is_read_and_nothing_else(tmp_path: Path) -> None:
    found = dict(zip(good_files(), outcomes(good_files().values(), tmp_path), strict=True))
    refused = {name for name, reason in found.items() if reason}
    assert refused == set(other_kinds())
    assert len(refused) > 15
    assert len(found) > 70
    assert has_reader("HEIF") or found.pop("photo.heic.jpg") == "HEIF, which pip install pillow-heif reads"
    assert all("JPEG, PNG, BMP, GIF, TIFF, WEBP, PPM" in found[name] for name in refused & found.keys())


def test_what_is_damaged_gives_pixels_or_a_reason(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = list(outcomes(itertools.islice(fuzzed(0), 400), tmp_path))
    assert 50 < found.count("") < 350
    assert capfd.readouterr().err == ""


def test_what_is_hostile_gives_pixels_or_a_reason(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    files = hostile_files()
    assert len(files) > 600
    found = dict(zip(files, outcomes(files.values(), tmp_path), strict=True))
    assert found["png 170000000x1"] == "170000000 × 1 pixels, a side of more than 65,535"
    assert found["tiff of 200,000 strips"] == "200,000 strips or tiles"
    assert found["tiff that claims"] == "a directory that names the same bytes again and again"
    assert found["jpeg of 4,000 scans"] == "160,000,000 pixels in 4,000 scans"
    assert found["exif that claims"] == ""
    assert capfd.readouterr().err == ""


# --- in a process of its own ------------------------------------------------------------------

PEAK = """
import json, sys, warnings
from pathlib import Path
from tests.data import test_strangers as here

warnings.simplefilter("ignore")
folder = Path(sys.argv[1])
list(here.outcomes(here.good_files().values(), folder))  # plugins and tables are there now
start = here.peak()
result = {work}
print(json.dumps({{"result": result, "start": start, "peak": here.peak()}}))
"""


def peak() -> float:
    """MiB that this process has taken at most. The kernel's ``ru_maxrss`` would count its parent's."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def alone(work: str, folder: Path) -> dict[str, Any]:
    """What an expression gives, and the memory before and at most, in MiB; nothing goes to stderr."""
    done = subprocess.run(
        [sys.executable, "-c", PEAK.format(work=work), str(folder)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    print(work, {name: found[name] for name in ("start", "peak")})
    return found


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the memory")
def test_five_thousand_damaged_files_take_little_memory(tmp_path: Path) -> None:
    found = alone("list(here.outcomes(here.itertools.islice(here.fuzzed(1), 5000), folder))", tmp_path)
    assert len(found["result"]) == 5000
    assert found["peak"] - found["start"] < 50


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the memory")
def test_hostile_files_take_little_memory(tmp_path: Path) -> None:
    found = alone("list(here.outcomes(here.hostile_files().values(), folder))", tmp_path)
    assert len(found["result"]) > 600
    assert found["peak"] - found["start"] < 100


WIDTH = 3000


def large_files() -> dict[str, bytes]:
    """Of all modes and decoders, 9 million pixels each; less where Python decodes."""
    import io

    def saved(mode: str, kind: str, **options: Any) -> bytes:
        file = io.BytesIO()
        Image.new(mode, (WIDTH, WIDTH)).save(file, kind, **options)
        return file.getvalue()

    exif = Image.Exif()
    exif[0x0112] = 6
    packed = zlib.compress(bytes(6000**2))
    tile = {"t322": (4, 1, 6000), "t323": (4, 1, 6000), "t324": (4, 1, -1), "t325": (4, 1, len(packed))}
    strips = {"t273": None, "t278": None, "t279": None}
    found = {
        "turned.png": saved("RGBA", "PNG", exif=exif),
        "key.png": saved("RGB", "PNG", transparency=(1, 2, 3)),
        "scans.jpg": saved("CMYK", "JPEG", progressive=True),
        "lossless.webp": saved("RGBA", "WEBP", lossless=True, method=0, quality=0),
        "lossy.webp": saved("RGB", "WEBP", method=0),
        "palette.gif": saved("P", "GIF", transparency=0),
        "one.tif": saved("RGB", "TIFF", compression="tiff_lzw", strip_size=2**30),
        "inks.tif": saved("CMYK", "TIFF", compression="tiff_lzw"),
        "jpeg.tif": saved("YCbCr", "TIFF", compression="jpeg"),
        "float.tif": saved("F", "TIFF"),
        "tile.tif": grey_tiff(50, 50, packed, t259=(3, 1, 8), **tile, **strips),
        "runs.bmp": bmp(WIDTH, WIDTH, 8, 1, bytes(1024) + b"\0\2\xff\xff" * 30, start=1078),
        "deep.ppm": b"P5 1000 1000 1000\n" + bytes(2_000_000),
        "plain.ppm": b"P2 1000 1000 1000\n" + b"1 " * 1_000_000,
        "bits.ppm": b"P1 1000 1000\n" + b"1" * 1_000_000,
    }
    if features.check("avif"):
        found["lossy.avif"] = saved("RGB", "AVIF", speed=10)
        found["fine.avif"] = saved("RGBA", "AVIF", speed=10, subsampling="4:4:4")
    for mode in ("1", "L", "LA", "I;16", "P", "RGB"):
        found[f"{mode}.png"] = saved(mode, "PNG")
    return found


def reckoned(path: Path) -> tuple[int, float]:
    """Bytes that were allowed for a file that was decoded, and those that it took."""
    needed: list[int] = []

    class Noted(Budget):
        def taken(self, wanted: int) -> Any:
            needed.append(wanted)
            return super().taken(wanted)

    vars(module).update(MEMORY=Noted(2**31), USUAL=2**10)
    start = peak()
    result = decode_or_reason(path, SIZE)
    assert not isinstance(result, str), result
    return needed[-1], (peak() - start) * 2**20


def all_reckoned(folder: Path) -> dict[str, tuple[int, float]]:
    """Of each file, in a process of its own."""
    files = sorted(folder.iterdir())
    with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as pool:
        return {file.name: found for file, found in zip(files, pool.map(reckoned, files, 1), strict=True)}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the memory")
def test_no_kind_takes_more_memory_than_is_reckoned(tmp_path: Path) -> None:
    files = large_files()
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    found = alone("here.all_reckoned(folder)", tmp_path)["result"]
    assert found.keys() == files.keys()
    for name, (needed, took) in found.items():
        print(f"{name:15} {needed / 2**20:6.1f} MiB reckoned {took / 2**20:6.1f} taken")
        assert took < needed + 2**22, name
    assert sum(took for _, took in found.values()) > 0.5 * sum(needed for needed, _ in found.values())


def in_many_threads(folder: Path) -> int:
    """Decode all of a folder, again and again, by 32 threads that share 512 MiB."""
    vars(module).update(MEMORY=Budget(2**29), USUAL=2**24, WORKERS=32)
    files = sorted(folder.iterdir()) * 4
    with decoding(lambda path: decode_or_reason(path, SIZE), files, ahead=64) as results:
        return sum(not isinstance(result, str) for result in results)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the memory")
def test_all_threads_together_stay_within_their_memory(tmp_path: Path) -> None:
    files = {name: content for name, content in large_files().items() if not name.endswith(".ppm")}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    found = alone("here.in_many_threads(folder)", tmp_path)
    assert found["result"] > 3 * len(files)
    assert found["peak"] - found["start"] < 512 + 256  # which malloc may keep
