"""The projector's files: read back by hand, and by TensorBoard itself."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import numpy as np
import pytest
from PIL import Image

from pellucid.draw import projector
from pellucid.draw.projector import COLUMNS, MAX_POINTS, write_projector
from tests.browser import tensorboard

COUNT = 7  # no square number


def vectors(count: int = COUNT, dimensions: int = 5) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, dimensions)).astype(np.float32)


def thumbnails(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).integers(1, 256, shape, dtype=np.uint8)


def columns(count: int = COUNT) -> dict[str, list[object]]:
    return {name: [f"{name} {row}" for row in range(count)] for name in COLUMNS}


def write(folder: Path, **changes: Any) -> int:
    given = {
        "name": "embedding",
        "vectors_ND": vectors(),
        "columns": columns(),
        "thumbnails_NHWC": thumbnails(COUNT, 8, 8, 1),
        "same_as": None,
    }
    return write_projector(folder, **{**given, **changes})


def table(folder: Path) -> list[list[str]]:
    text = (folder / "metadata.tsv").read_bytes().decode()
    assert text.endswith("\n")
    return [line.split("\t") for line in text[:-1].split("\n")]


def read(folder: Path) -> np.ndarray:
    with Image.open(folder / "sprite.png") as picture:
        return np.asarray(picture)


def tile(folder: Path, place: int, side: int, across: int) -> np.ndarray:
    """The picture that TensorBoard shows for that row of the metadata."""
    pixels = read(folder)
    assert pixels.shape[:2] == (across * side, across * side)
    top, left = place // across * side, place % across * side
    return pixels[top : top + side, left : left + side]


# The picture.


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("height", "width"), [(28, 28), (8, 8), (32, 32), (20, 9), (9, 20)])
@pytest.mark.parametrize(("count", "across"), [(1, 1), (2, 2), (7, 3), (9, 3), (10, 4)])
def test_each_row_has_its_own_picture(
    tmp_path: Path, count: int, across: int, height: int, width: int, channels: int
) -> None:
    pictures = thumbnails(count, height, width, channels)
    write(tmp_path, vectors_ND=vectors(count), columns=columns(count), thumbnails_NHWC=pictures)
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    for place in range(count):
        expected = np.zeros((side, side, channels), dtype=np.uint8)
        expected[top : top + height, left : left + width] = pictures[place]
        shown = tile(tmp_path, place, side, across)
        np.testing.assert_array_equal(shown, expected[..., 0] if channels == 1 else expected)
    for place in range(count, across * across):
        assert not tile(tmp_path, place, side, across).any()


@pytest.mark.parametrize("channels", [1, 3])
def test_large_pictures_are_shrunk_by_their_mean(tmp_path: Path, channels: int) -> None:
    pictures = np.repeat(np.repeat(thumbnails(COUNT, 32, 16, channels), 3, axis=1), 3, axis=2)
    write(tmp_path, thumbnails_NHWC=pictures)
    for place in range(COUNT):
        expected = np.zeros((32, 32, channels), dtype=np.uint8)
        expected[:, 8:24] = pictures[place, ::3, ::3]
        shown = tile(tmp_path, place, 32, across=3)
        np.testing.assert_array_equal(shown, expected[..., 0] if channels == 1 else expected)


def test_the_largest_sprite_fits_a_texture(tmp_path: Path) -> None:
    big = np.broadcast_to(np.uint8(200), (MAX_POINTS, 64, 64, 1))
    write(tmp_path, vectors_ND=vectors(MAX_POINTS), columns=columns(MAX_POINTS), thumbnails_NHWC=big)
    assert read(tmp_path).shape == (71 * 32, 71 * 32)
    assert 71 * 32 <= 8192


def test_the_picture_of_an_earlier_epoch_is_linked(tmp_path: Path) -> None:
    whole = write(tmp_path / "epoch_0001")
    linked = write(tmp_path / "epoch_0002", same_as=tmp_path / "epoch_0001")
    one, other = (tmp_path / name / "sprite.png" for name in ("epoch_0001", "epoch_0002"))
    assert one.samefile(other)
    assert whole - linked == one.stat().st_size
    for _ in range(2):  # an epoch that is done again after a resume
        write(tmp_path / "epoch_0002", same_as=tmp_path / "epoch_0001")
        assert one.samefile(other)
    write(tmp_path / "epoch_0001", same_as=tmp_path / "epoch_0001")
    assert len(list(tmp_path.glob("*/*"))) == 10, "no half file is left"


def test_a_copy_where_nothing_can_be_linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "epoch_0001")

    def refuse(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    write(tmp_path / "epoch_0002", same_as=tmp_path / "epoch_0001")
    one, other = (tmp_path / name / "sprite.png" for name in ("epoch_0001", "epoch_0002"))
    assert not one.samefile(other)
    assert one.read_bytes() == other.read_bytes()


def test_the_picture_is_drawn_where_the_earlier_one_is_gone(tmp_path: Path) -> None:
    write(tmp_path / "epoch_0002", same_as=tmp_path / "epoch_0001")
    assert (tmp_path / "epoch_0002" / "sprite.png").is_file()


# The table.


def test_the_table_has_a_header_and_a_row_for_each_point(tmp_path: Path) -> None:
    write(tmp_path)
    rows = table(tmp_path)
    assert rows[0] == list(COLUMNS)
    assert rows[3] == [f"{name} 2" for name in COLUMNS]
    assert len(rows) == COUNT + 1


def test_odd_values_stay_in_their_cell(tmp_path: Path) -> None:
    odd = ["a\tb", "c\nd\r\ne\rf", "# no comment", "猫 и собака", "", " \t ", "a\udce9\0b\u2028c"]
    write(tmp_path, columns={"index": range(COUNT), "file\tname": odd})
    rows = table(tmp_path)
    assert rows[0] == ["index", "file name"]
    assert [row[0] for row in rows[1:]] == [str(row) for row in range(COUNT)]
    assert [row[1] for row in rows[1:]] == [
        "a b", "c d e f", "# no comment", "猫 и собака", "(blank)", "(blank)", "a\\xe9 b c",
    ]  # fmt: skip


# The vectors and the run.


def test_vectors_are_float32_and_no_text(tmp_path: Path) -> None:
    for given in (vectors(), vectors().astype(np.float64)[:, ::-1], np.zeros((COUNT, 5))):
        write(tmp_path, vectors_ND=given)
        raw = (tmp_path / "tensors.bytes").read_bytes()
        stored = np.frombuffer(raw, "<f4").reshape(COUNT, 5)
        np.testing.assert_array_equal(stored.ravel()[1:], given.astype(np.float32).ravel()[1:])
        np.testing.assert_allclose(stored[0, 0], given[0, 0], rtol=2**-15, atol=1e-40)
        with pytest.raises(UnicodeDecodeError):
            raw.decode()


def test_the_run_appears_when_all_else_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    def noting(path: Path, content: bytes) -> None:
        order.append(path.name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)

    monkeypatch.setattr(projector, "write_atomically", noting)
    written = write(tmp_path / "one")
    assert order[-2] == "projector_config.pbtxt"
    assert "tfevents" in order[-1]
    assert written == sum(path.stat().st_size for path in (tmp_path / "one").iterdir())
    order.clear()
    write(tmp_path / "one")
    assert order[-1] == "projector_config.pbtxt", "one event file is enough"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"vectors_ND": np.full((COUNT, 5), np.nan)}, "finite"),
        ({"vectors_ND": np.full((COUNT, 5), 1e300)}, "finite"),
        ({"vectors_ND": np.zeros(COUNT)}, "expected the shape"),
        ({"vectors_ND": np.zeros((0, 5))}, "expected the shape"),
        ({"vectors_ND": np.zeros((COUNT + 1, 5))}, "each of the 8 points, got 7"),
        ({"vectors_ND": np.zeros((MAX_POINTS + 1, 1))}, "at most 5000"),
        ({"thumbnails_NHWC": thumbnails(COUNT - 1, 8, 8, 1)}, "thumbnails: expected one for each"),
        ({"thumbnails_NHWC": thumbnails(COUNT, 8, 8, 4)}, "1 or 3"),
        ({"thumbnails_NHWC": thumbnails(COUNT, 8, 8)}, "1 or 3"),
        ({"thumbnails_NHWC": np.zeros((COUNT, 8, 8, 1))}, "uint8"),
        ({"columns": {**columns(), "true": ["one"]}}, "true: expected one for each"),
        ({"columns": {"index": range(COUNT)}}, "2 or more"),
        ({"name": ""}, "needs a name"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, changes: Mapping[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        write(tmp_path / "run", **changes)
    assert not (tmp_path / "run").exists()


# TensorBoard's own reading.


def test_tensorboard_reads_all_of_it_and_sees_new_epochs(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    pictures = thumbnails(COUNT, 28, 28, 3)
    write(
        logs / "epoch_0001", thumbnails_NHWC=pictures, columns={"index": range(COUNT), "猫": ["# a\tb"] * 7}
    )
    write(logs / "epoch_0002", vectors_ND=np.zeros((COUNT, 5)))  # zeros alone are valid text
    with tensorboard(logs, tmp_path / "log.txt") as address:

        def get(route: str, **query: str) -> bytes:
            with urlopen(f"{address}/data/plugin/projector/{route}?{urlencode(query)}") as answer:
                content: bytes = answer.read()
            return content

        def wait_for(runs: Sequence[str]) -> None:
            end = time.monotonic() + 20
            while sorted(found := json.loads(get("runs"))) != runs:
                assert time.monotonic() < end, found
                time.sleep(0.1)

        wait_for(["epoch_0001", "epoch_0002"])
        (info,) = json.loads(get("info", run="epoch_0001"))["embeddings"]
        assert info["tensorName"] == "embedding"
        assert info["tensorShape"] == [COUNT, 5]
        assert info["sprite"]["singleImageDim"] == [28, 28]
        one = {"run": "epoch_0001", "name": "embedding"}
        np.testing.assert_allclose(
            np.frombuffer(get("tensor", **one), "<f4").reshape(COUNT, 5), vectors(), rtol=2**-15
        )
        np.testing.assert_allclose(
            np.frombuffer(get("tensor", run="epoch_0002", name="embedding"), "<f4"), 0, atol=1e-40
        )
        lines = get("metadata", **one).decode().splitlines()
        assert lines == ["index\t猫", *(f"{row}\t# a b" for row in range(COUNT))]
        assert get("sprite_image", **one) == (logs / "epoch_0001" / "sprite.png").read_bytes()
        write(logs / "epoch_0003", same_as=logs / "epoch_0001", thumbnails_NHWC=pictures)
        wait_for(["epoch_0001", "epoch_0002", "epoch_0003"])
        three = {**one, "run": "epoch_0003"}
        assert get("sprite_image", **three) == get("sprite_image", **one), "a hard link is served"
