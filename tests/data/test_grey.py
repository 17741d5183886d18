"""Grey of more than 8 bits, as 8."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pellucid.data import grey
from pellucid.data.decode import decode, decode_or_reason
from tests.data.hostile import tiff


def test_16_bit_grey_is_scaled_to_8(tmp_path: Path) -> None:
    pixels = (np.arange(256).reshape(16, 16) * 257).astype(np.uint16)  # 65535 / 255
    Image.fromarray(pixels).save(tmp_path / "deep.png")
    out = decode(tmp_path / "deep.png", 16)
    assert np.array_equal(out, np.stack([np.arange(256).reshape(16, 16)] * 3))


def test_16_bit_grey_between_two_values_is_near_both(tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 8), 51_200, np.uint16)).save(tmp_path / "deep.png")
    assert set(decode(tmp_path / "deep.png", 8).flatten().tolist()) == {199}  # 51,200 / 257 = 199.2


def test_a_float_tiff_of_zero_to_one_is_scaled(tmp_path: Path) -> None:
    path = tmp_path / "float.tiff"
    Image.fromarray(np.array([[0.0, 1.0], [0.5, 0.25]], dtype=np.float32)).save(path)
    assert decode(path, 2)[0].tolist() == [[0, 255], [127, 63]]


def test_large_grey_of_16_bits_is_converted_as_a_small_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grey, "BAND", 50)
    pixels = np.random.default_rng(0).integers(0, 65536, (16, 16)).astype(np.uint16)
    Image.fromarray(pixels).save(tmp_path / "deep.png")
    Image.fromarray(pixels).save(tmp_path / "deep.tif")
    for name in ("deep.png", "deep.tif"):
        expected = (pixels * (255 / 65535)).astype(np.uint8)
        assert np.array_equal(decode(tmp_path / name, 16)[0], expected)


def test_what_is_no_number_is_black_and_endless_is_white(tmp_path: Path) -> None:
    values = np.array([[np.nan, np.inf], [-np.inf, 1.0]], dtype=np.float32)
    Image.fromarray(values).save(tmp_path / "float.tif")
    assert decode(tmp_path / "float.tif", 2)[0].tolist() == [[0, 255], [0, 255]]


@pytest.mark.parametrize(
    ("array", "values", "black_grey_white", "odd"),
    [
        ([0.0, 0.5, 1.01], (), [0, 127, 255], "values from 0 to 1.01, beyond 0 to 1"),
        ([0.0, 1.0, 2.0], (0, 2), [0, 127, 255], ""),
        ([np.nan, 0.5, 1.0], (), [0, 127, 255], "1 values are no finite number"),
        ([np.nan, 0.0, 1.0], (-1, 1), [0, 127, 255], "1 values are no finite number"),
        ([0, 2048, 4095], (0, 4095), [0, 127, 255], ""),
        ([-1000, 500, 2000], (-1000, 2000), [0, 127, 255], ""),
        ([0, 1, 2], (), [0, 0, 0], ""),
    ],
)
def test_grey_of_more_than_8_bits_has_the_range_that_is_given_or_its_types(
    tmp_path: Path, array: list[float], values: tuple[float, ...], black_grey_white: list[int], odd: str
) -> None:
    kind = np.int32 if isinstance(array[0], int) else np.float32
    Image.fromarray(np.array([array] * 3, dtype=kind)).save(tmp_path / "a.tif")
    said: dict[Path, str] = {}
    found = decode_or_reason(tmp_path / "a.tif", 3, values=values, odd=said)
    assert not isinstance(found, str)
    assert found[0].tolist() == [black_grey_white] * 3
    assert said.get(tmp_path / "a.tif", "").replace("3 values", "1 values") == odd


def test_12_bits_of_a_tiff_are_told_by_its_header(tmp_path: Path) -> None:
    packed = bytes.fromhex("fff800" * 2)  # 4095 and 2048 in each row
    tags = {256: (4, 1, 2), 257: (4, 1, 2), 258: (3, 1, 12), 259: (3, 1, 1), 262: (3, 1, 1)}
    tags |= {273: (4, 1, -1), 277: (3, 1, 1), 278: (4, 1, 2), 279: (4, 1, 6)}
    path = tmp_path / "a.tif"
    path.write_bytes(tiff(tags, packed))
    assert decode(path, 2)[0].tolist() == [[255, 127], [255, 127]]
