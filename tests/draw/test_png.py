"""Pictures as files."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from pellucid.draw.png import png, write_png


def test_a_file_holds_the_pixels_to_the_byte(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (3, 5, 3), dtype=np.uint8)
    with Image.open(io.BytesIO(png(picture))) as image:
        assert image.format == "PNG"
        assert np.array_equal(np.asarray(image), picture)
    write_png(tmp_path / "deep" / "a.png", picture)
    assert (tmp_path / "deep" / "a.png").read_bytes() == png(picture)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.png"]
