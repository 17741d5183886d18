"""Training images that grow: their size is a function of the epoch."""

from __future__ import annotations

import pytest

from pellucid.data.train_size import TrainSize
from pellucid.errors import UserError


@pytest.mark.parametrize(
    ("asked", "image_size", "epochs", "expected"),
    [
        ([128, 224], (224, 224), 5, [128, 160, 192, 192, 224]),
        ([32, 64], (64, 64), 5, [32, 40, 48, 56, 64]),
        ([14, 28], (28, 28), 4, [14, 16, 24, 28]),
        ([64, 64], (64, 64), 2, [64, 64]),
        (48, (64, 64), 3, [48, 48, 48]),
        ([20, 28], (28, 28), 1, [28]),
        ([64, 32], (64, 64), 3, [64, 48, 32]),
    ],
)
def test_sizes_grow_linearly(
    asked: int | list[int], image_size: tuple[int, int], epochs: int, expected: list[int]
) -> None:
    size = TrainSize.of(asked)
    size.check(image_size)
    assert [size.at(epoch, epochs, image_size) for epoch in range(epochs)] == [(s, s) for s in expected]


def test_proportions_are_those_of_the_images_that_are_evaluated() -> None:
    sizes = [TrainSize(128, 224).at(epoch, 3, (224, 320)) for epoch in range(3)]
    assert sizes == [(128, 192), (192, 288), (224, 320)]
    assert TrainSize(128, 224).at(1, 3, (320, 224)) == (288, 192)


def test_an_epoch_beyond_the_last_has_its_size() -> None:
    assert TrainSize(32, 64).at(9, 5, (64, 64)) == (64, 64)


@pytest.mark.parametrize("asked", [[128], [128, 192, 224], "128", ["128", "224"], [1.5, 2], [True, 64], None])
def test_what_is_no_size_or_two_is_told(asked: object) -> None:
    with pytest.raises(UserError, match=r"data\.train_size=.*as \[128,224\]"):
        TrainSize.of(asked)  # type: ignore[arg-type]


@pytest.mark.parametrize("asked", [[32, 65], [65, 64], [0, 64], 128])
def test_larger_than_the_images_that_are_evaluated_is_told(asked: int | list[int]) -> None:
    with pytest.raises(UserError, match=r"expected 1 to 64 pixels.*data\.image_size"):
        TrainSize.of(asked).check((64, 80))
