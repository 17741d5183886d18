"""What the base of data modules does for every data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from pellucid.data.base import ImageData
from pellucid.data.catdog import CatDog
from pellucid.data.images import Split, numbered
from pellucid.errors import UserError
from pellucid.spec import Spec
from tests.data.build import make


def test_a_split_without_images_is_told(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = make("catdog", root=str(photos))
    whole = CatDog.read(data)  # type: ignore[arg-type]
    empty = whole["test"].subset(torch.tensor([], dtype=torch.int64))
    monkeypatch.setattr(data, "read", lambda: {**whole, "test": empty})
    with pytest.raises(UserError, match=r"The test split of folder .* has no images"):
        data.setup()


class Ten(ImageData):
    """Ten grey pixels of two classes, in turn."""

    def __init__(self, **options: Any) -> None:
        spec = Spec((1, 1, 1), ("cat", "dog"), (0.5,), (0.5,), "none")
        super().__init__(spec=spec, val_fraction=0.2, test_fraction=0.2, **options)

    def read(self) -> dict[str, Split]:
        self.source = "nowhere"
        store = torch.arange(0, 100, 10, dtype=torch.uint8).view(10, 1, 1, 1)
        return {"all": Split.whole(store, torch.arange(10) % 2, numbered("all", 10))}


def test_a_part_of_the_test_images_leaves_the_data_as_they_are() -> None:
    data = Ten()
    data.setup()
    part = data.of_test(torch.tensor([1]))
    assert part.splits["test"].files == [data.splits["test"].files[1]]
    assert part.splits["train"] is data.splits["train"]
    assert len(data.splits["test"]) == 2


def test_another_of_the_same_options_takes_what_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = Ten(), Ten()
    one.setup()
    monkeypatch.setattr(Ten, "read", None)
    other.setup(read=one.was_read)
    assert other.splits["train"] is one.splits["train"]
    assert other.source == "nowhere"
    assert other.fingerprint() == one.fingerprint()


def test_numbers_below_zero_are_told() -> None:
    with pytest.raises(UserError, match=r"device_images=-1: expected 0 or more GiB"):
        Ten().setup(device_images=-1)
    with pytest.raises(UserError, match=r"model\.augmentations_per_image=-1: expected 0 or more"):
        Ten().remember(lambda images_BCHW: images_BCHW, -1)


def test_a_split_of_another_kind_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    store = torch.zeros(10, 1, 1, 1)
    monkeypatch.setattr(Ten, "read", lambda self: {"all": Split.whole(store, torch.arange(10), ["f"] * 10)})
    with pytest.raises(UserError, match=r"Ten\.read, split all: expected .* of uint8, .* from 0 to 1"):
        Ten().setup()
