"""The digits of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits

from pellucid.data.digits import Digits
from pellucid.data.images import Split
from pellucid.errors import UserError
from tests.data.build import make, read
from tests.data.photos import tensor


def test_all_1797_images_are_used() -> None:
    splits = read("digits").splits
    assert {name: len(split) for name, split in splits.items()} == {"train": 1259, "val": 179, "test": 359}


def test_sixteen_is_white_and_eight_is_grey() -> None:
    split = read("digits").splits["train"]
    pixels, labels = load_digits(return_X_y=True)
    row = int(split.rows_N[0])
    expected = (torch.from_numpy(pixels[row]) * 255 / 16).round().to(torch.uint8).view(1, 1, 8, 8)
    assert torch.equal(split.images(torch.tensor([0])), expected)
    assert int(split.labels_N[0]) == labels[row]


@pytest.mark.parametrize("given", [{}, {"seed": 3}, {"test_fraction": 0.6}])
def test_mean_and_deviation_are_those_of_the_training_images_alone(given: dict[str, Any]) -> None:
    spec, train = make("digits", **given).spec, read("digits", **given).splits["train"]
    pixels, _ = load_digits(return_X_y=True)
    trained = pixels[train.rows_N]
    assert spec.mean[0] == pytest.approx(trained.mean() / 16, abs=5e-4)
    assert spec.std[0] == pytest.approx(trained.std() / 16, abs=5e-4)
    assert spec.statistics == f"its {len(train):,} training images"


def changed(change: Callable[[Split], Split]) -> Digits:
    """As a user's own data set may give them."""

    class Own(Digits):
        def read(self) -> dict[str, Split]:
            return {name: change(split) for name, split in super().read().items()}

    own = Own(image_size="auto", batch_size=32, augment="none", val_fraction=0.1, test_fraction=0.2, seed=0)
    own.setup()
    return own


def test_a_store_may_lie_in_memory_as_it_likes() -> None:
    across = changed(lambda split: replace(split, store=tensor(split.store).mT.contiguous().mT))
    assert not tensor(across.splits["train"].store).is_contiguous()
    assert across.fingerprint() == changed(lambda split: split).fingerprint()


@pytest.mark.parametrize(
    "change",
    [
        lambda split: replace(split, store=split.store.float()),
        lambda split: replace(split, labels_N=split.labels_N + 1),
        lambda split: replace(split, files=split.files[1:]),
        lambda split: replace(split, store=split.store.expand(-1, 3, -1, -1)),
    ],
)
def test_what_a_users_data_set_reads_is_checked(change: Callable[[Split], Split]) -> None:
    with pytest.raises(UserError, match=r"Own.read, split all: expected a store \(N, 1, H, W\) of uint8"):
        changed(change)
