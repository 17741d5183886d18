"""Data modules of items, as far as they do not hang on where the items come from."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from torch.utils.data import Subset

from pellucid.data import item_data
from pellucid.data.item_data import ItemData
from pellucid.data.items import Keys
from pellucid.errors import UserError
from tests.data.own_sets import Digits, Splits


class Items(ItemData):
    """The data sets that it was given."""

    def __init__(self, **sets: Any) -> None:
        self.sets = sets
        super().__init__(
            title="these",
            key="",
            keys=Keys(),
            image_size="auto",
            batch_size=8,
            augment="none",
            val_fraction=0.2,
            test_fraction=0.2,
            workers=0,
            cache="",
            cache_limit=1.0,
            seed=0,
        )

    def open(self) -> dict[str, Any]:
        return self.sets


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(item_data, "_known", {})


def test_classes_are_known_through_subsets() -> None:
    data = Items(train=Subset(Splits("train"), range(200)), val=Splits("valid"))
    data.setup()
    assert data.spec.classes[2] == "two"
    assert len(data.splits["val"]) == 100


def test_names_that_a_data_set_keeps_in_its_info() -> None:
    dataset = Digits()
    dataset.info = {"label": {str(k): f"the {k}" for k in reversed(range(10))}}  # type: ignore[attr-defined]
    assert Items(all=dataset).spec.classes[:2] == ("the 0", "the 1")
    dataset.info = {"label": {"a": 1}}  # type: ignore[attr-defined]
    item_data._known.clear()
    assert Items(all=dataset).spec.classes[:2] == ("0", "1")


def test_one_class_is_too_few() -> None:
    with pytest.raises(UserError, match=r"^these has 1 class. Expected at least two"):
        Items(all=[pair for pair in map(Digits().__getitem__, range(99)) if pair[1] == 3])


def test_labels_of_other_splits_are_those_of_the_training_images() -> None:
    train = [(image, label) for image, label in map(Digits().__getitem__, range(99)) if label < 5]
    data = Items(train=train, test=Digits())
    with pytest.raises(UserError, match=r"^these, split test: item 5 of 400 has the label 5. Expected"):
        data.setup()


def test_a_transform_of_labels_is_no_list_of_them() -> None:
    listed = SimpleNamespace(targets=[0, 1], __len__=lambda: 2)
    data = Items(all=Digits())
    assert data.listed(SimpleNamespace(**vars(listed), target_transform=str)) == []
