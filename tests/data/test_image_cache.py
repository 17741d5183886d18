"""Images kept for the next run of one process."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from pellucid.data.base import ImageData
from pellucid.data.digits import Digits
from pellucid.data.image_cache import ImageCache
from pellucid.engine.build import make_data
from tests.helpers import compose


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The seed of each data set that was read, in turn."""
    seeds: list[int] = []
    original = Digits.read

    def noted(self: Digits) -> Any:
        seeds.append(self.seed)
        return original(self)

    monkeypatch.setattr(Digits, "read", noted)
    return seeds


def set_up(images: ImageCache, *overrides: str) -> ImageData:
    config = compose("model=dnn", "data=digits", *overrides)
    data = make_data(config)
    images.setup(data, config["data"])
    return data


def test_what_does_not_decide_the_images_shares_them(read: list[int]) -> None:
    images = ImageCache()
    one = set_up(images)
    other = set_up(images, "data.batch_size=7", "data.augment=flip", "optimizer.lr=1")
    assert read == [0]
    assert other.splits["train"] is one.splits["train"]
    assert (other.source, other.batch_size) == (one.source, 7)


def test_what_decides_them_reads_them(read: list[int]) -> None:
    images = ImageCache()
    for overrides in ((), ("seed=1",), ("data.val_fraction=0.2",), ("data.image_size=16",), ()):
        data = set_up(images, *overrides)
        alone = ImageCache()
        assert set_up(alone, *overrides).fingerprint() == data.fingerprint()
    assert len(read) == 10


def test_one_data_set_is_kept_at_a_time(read: list[int]) -> None:
    images = ImageCache()
    first = set_up(images)
    kept = weakref.ref(first.splits["train"])
    del first
    gc.collect()
    assert kept() is not None
    set_up(images, "seed=1")
    gc.collect()
    assert kept() is None
