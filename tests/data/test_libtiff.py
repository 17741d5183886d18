"""What libtiff says of a file stands in the reason, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from pellucid.data.decode import decode_or_reason
from tests.data.strangers import good_files


def test_what_libtiff_says_stands_in_the_reason(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    good = good_files()["tiff_adobe_deflate.tif"]
    strip = good.index(b"\x78")  # where zlib's data begin
    path = tmp_path / "a.tif"
    path.write_bytes(good[:strip] + bytes(20) + good[strip + 20 :])
    reason = str(decode_or_reason(path, 8))
    assert reason.startswith("decoder error -2: ZIPDecode: ")
    path.write_bytes(b"P3 2 2 none")
    assert "ZIPDecode" not in str(decode_or_reason(path, 8)), "of another file"
    assert capfd.readouterr().err == ""
