"""Which files are opened, and what is said of the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import EpsImagePlugin, ImageFile

from pellucid.data.bounds import UnreadableError
from pellucid.data.decode import decode, decode_or_reason
from pellucid.data.opening import has_reader
from tests.data.strangers import good_files


def test_a_huge_image_is_refused_by_its_header(huge: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(self: ImageFile.ImageFile) -> None:
        raise AssertionError("its pixels were read")

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    with pytest.raises(UnreadableError, match="pixels"):
        decode(huge, 8)


def test_postscript_under_another_name_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(*given: Any, **options: Any) -> None:
        raise AssertionError("Ghostscript was started")

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", start)
    path = tmp_path / "photo.jpg"
    path.write_bytes(good_files()["eps.jpg"])
    assert decode_or_reason(path, 8) == (
        "PostScript, which is not read; expected JPEG, PNG, BMP, GIF, TIFF, WEBP, PPM, AVIF, HEIF, NPY"
    )


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("film.gif", "a video, or HEIC"),
        ("photo.heic.jpg", "damaged" if has_reader("HEIF") else "HEIF, which pip install pillow-heif reads"),
        ("page.jpg", "HTML or SVG"),
        ("j2k.png", "JPEG 2000"),
        ("blp.png", "damaged, or none of JPEG, PNG, BMP, GIF, TIFF, WEBP, PPM"),
    ],
)
def test_other_kinds_are_named(tmp_path: Path, name: str, reason: str) -> None:
    if name not in good_files():
        pytest.skip("this Pillow cannot write it")
    path = tmp_path / name
    path.write_bytes(good_files()[name])
    assert str(decode_or_reason(path, 8)).startswith(reason)
