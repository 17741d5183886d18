"""NumPy's files: layouts by hand, and what is no image."""

from __future__ import annotations

import pickle
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from pellucid.data.array import Array, is_array, read_head
from pellucid.data.bounds import UnreadableError


def saved(array: object, *, allow_pickle: bool = False) -> BytesIO:
    file = BytesIO()
    np.save(file, array, allow_pickle=allow_pickle)  # type: ignore[arg-type]
    return file


@pytest.mark.parametrize(
    ("shape", "expected", "axis", "channels"),
    [
        ((6, 7), None, None, 1),
        ((6, 7, 4), None, 2, 4),
        ((4, 6, 7), None, 0, 4),
        ((4, 6, 4), None, 2, 4),  # alike: the last
        ((4, 6, 3), 4, 0, 4),  # by what is expected
        ((3, 6, 4), 4, 2, 4),
        ((9, 6, 4), 5, 2, 4),  # neither: the shorter
    ],
)
def test_which_axis_holds_the_channels(
    shape: tuple[int, ...], expected: int | None, axis: int | None, channels: int
) -> None:
    array = Array(shape, np.dtype(np.uint8))
    assert (array.axis(expected), array.channels(expected)) == (axis, channels)


def test_every_layout_gives_the_same_planes() -> None:
    planes_CHW = np.random.default_rng(0).integers(0, 9, (4, 6, 7)).astype(np.uint16)
    kinds = (
        planes_CHW,
        planes_CHW.transpose(1, 2, 0),
        np.asfortranarray(planes_CHW),
        planes_CHW.astype(">u2"),
    )
    for layout in kinds:
        file = saved(layout)
        head = read_head(file)
        assert np.array_equal(head.planes(file, 4), planes_CHW)
        assert (head.pixels, head.is_deep, head.white) == (42, True, 65535)


def test_bits_are_black_and_white() -> None:
    file = saved(np.array([[True, False]]))
    head = read_head(file)
    assert head.planes(file, 1).tolist() == [[[255, 0]]]
    assert head.white == 0


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(7), "an array 7; expected height"),
        (np.zeros((2, 2, 2, 2)), "an array 2 × 2 × 2 × 2; expected height"),
        (np.float32(3), "an array one number"),
        (np.zeros((0, 4)), "an array 0 × 4"),
        (np.zeros((4, 4), complex), "complex128"),
        (np.zeros((4, 4), "U3"), "<U3"),
        (np.zeros((4, 4), [("a", "u1")]), "'a'"),
        (np.zeros((1, 1)), "a single pixel"),
    ],
)
def test_what_is_no_image(array: object, message: str) -> None:
    with pytest.raises(UnreadableError, match=message):
        read_head(saved(array))


class Bomb:
    """Writes a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    content = saved(np.array([[Bomb(tmp_path / "ran"), 1]], dtype=object), allow_pickle=True)
    with pytest.raises(UnreadableError, match="Python objects, which are not loaded"):
        read_head(content)
    assert not (tmp_path / "ran").exists()
    pickle.loads(pickle.dumps(Bomb(tmp_path / "ran")))  # as it would
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("kept", [6, 9, 20, 128, 150])
def test_a_file_that_is_cut_short(kept: int) -> None:
    content = saved(np.zeros((8, 8), np.uint16)).getvalue()
    assert is_array(BytesIO(content[:kept]))
    with pytest.raises(UnreadableError, match=r"damaged|cut short: .* of 128 bytes"):
        read_head(BytesIO(content[:kept]))
