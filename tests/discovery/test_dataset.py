"""Class names and labels of data sets, without an image."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import ConcatDataset, Dataset, IterableDataset, Subset, TensorDataset, random_split
from torchvision.datasets import FakeData

from pellucid.discovery.dataset import class_names, data_set_name, labels, length, names_of_net

NAMES, LABELS = ("ant", "bee"), [0, 1, 1, 0, 1]


class Closed(Dataset[Any]):
    """None of its images can be decoded."""

    def __init__(self, **held: Any) -> None:
        vars(self).update(held)

    def __len__(self) -> int:
        return len(LABELS)

    def __getitem__(self, index: int) -> Any:
        raise AssertionError("an image is decoded")


class Wrapper(Dataset[Any]):
    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        return self.dataset[index]


class Columns:
    """As a data set of Hugging Face: columns by their names, rows by their numbers."""

    features: ClassVar = {"image": SimpleNamespace(), "label": SimpleNamespace(names=list(NAMES))}

    def __len__(self) -> int:
        return len(LABELS)

    def __getitem__(self, key: Any) -> Any:
        assert key == "label", "an image is decoded"
        return LABELS


@pytest.mark.parametrize(
    "held",
    [
        {"classes": list(NAMES)},
        {"classes": NAMES},
        {"class_to_idx": {"bee": 1, "ant": 0}},
        {"classes": {"bee": 1, "ant": 0}},
        {"classes": {1: "bee", 0: "ant"}},
        {"features": {"label": SimpleNamespace(names=list(NAMES))}},
        {"class_names": list(NAMES)},
        {"classes": None, "class_to_idx": {"bee": 1, "ant": 0}},
    ],
)
def test_class_names_are_found_through_all_that_wraps(held: dict[str, Any]) -> None:
    dataset = Closed(**held)
    generator = torch.Generator().manual_seed(0)
    wrappers: list[Any] = [
        dataset,
        Subset(dataset, [1, 2]),
        ConcatDataset([Closed(), dataset]),
        random_split(dataset, [3, 2], generator)[1],
        Wrapper(Wrapper(Subset(dataset, [0]))),
    ]
    for wrapped in wrappers:
        assert class_names(wrapped) == NAMES
        assert data_set_name(wrapped) == "Closed"


@pytest.mark.parametrize(
    "held",
    [{}, {"classes": 10}, {"classes": []}, {"class_to_idx": {"ant": 3, "bee": 7}}, {"class_to_idx": 3}],
)
def test_where_there_are_no_names_none_are_found(held: dict[str, Any]) -> None:
    assert class_names(Closed(**held)) == ()


def test_names_are_of_one_line() -> None:
    assert class_names(Closed(classes=["a\nb", 3])) == ("a b", "3")


@pytest.mark.parametrize(
    ("names", "found"),
    [({0: "ant", 1: "bee"}, NAMES), ({1: "bee", 0: "ant"}, NAMES), ({1: "bee", 2: "cat"}, ()), (None, ())],
)
def test_names_of_a_net_that_was_configured_with_them(names: Any, found: tuple[str, ...]) -> None:
    assert names_of_net(SimpleNamespace(config=SimpleNamespace(id2label=names))) == found
    assert names_of_net(SimpleNamespace()) == ()


@pytest.mark.parametrize(
    "dataset",
    [
        Closed(targets=LABELS),
        Closed(targets=torch.tensor(LABELS)),
        Closed(labels=np.array(LABELS, dtype=np.uint8)),
        Closed(_labels=tuple(LABELS)),
        Closed(samples=[(f"{index}.jpg", label) for index, label in enumerate(LABELS)]),
        Closed(imgs=[(f"{index}.jpg", label) for index, label in enumerate(LABELS)]),
        Closed(targets=["ant"] * 5, y=LABELS),
        TensorDataset(torch.zeros(5, 1, 2, 2), torch.tensor(LABELS)),
        Columns(),
        Wrapper(Closed(targets=LABELS)),
        Wrapper(Columns()),
        ConcatDataset([Closed(targets=LABELS)]),
    ],
)
def test_labels_are_found_and_no_image_is_decoded(dataset: Any) -> None:
    found = labels(dataset)
    assert found is not None
    assert found.dtype == torch.int64
    assert found.tolist() == LABELS


def test_labels_of_parts_are_those_of_the_parts() -> None:
    dataset = Closed(targets=LABELS)
    assert tolist(labels(Subset(dataset, [4, 0, 1]))) == [1, 0, 1]
    assert tolist(labels(Subset(Subset(dataset, [4, 0, 1]), [1]))) == [0]
    assert tolist(labels(ConcatDataset([dataset, Subset(dataset, [0])]))) == [*LABELS, 0]
    split = random_split(dataset, [3, 2], torch.Generator().manual_seed(0))[0]
    assert tolist(labels(split)) == [LABELS[index] for index in split.indices]


def tolist(values: Tensor | None) -> list[int]:
    assert values is not None
    return [int(value) for value in values]


@pytest.mark.parametrize(
    "dataset",
    [
        Closed(),
        Closed(targets=[0.5] * 5),
        Closed(targets=[[0, 1]] * 5),
        Closed(targets=[[0], [1, 2], [], [], []]),  # of several lengths
        Closed(targets=LABELS[:3]),
        Closed(samples=[("a.jpg", "b.jpg")] * 5),
        Wrapper(Subset(Closed(), [0, 1])),
        ConcatDataset([Closed(targets=LABELS), Closed()]),
        FakeData(4, (3, 4, 4)),
    ],
)
def test_where_no_labels_are_listed_none_are_found(dataset: Any) -> None:
    assert labels(dataset) is None


def test_a_wrapper_that_chooses_by_itself_has_no_labels() -> None:
    inner = TensorDataset(torch.zeros(9, 1), torch.zeros(9, dtype=torch.int64))
    assert labels(Closed(dataset=inner)) is None


def test_a_stream_has_no_length() -> None:
    class Stream(IterableDataset[Any]):
        def __iter__(self) -> Any:
            raise AssertionError

    assert length(Stream()) is None
    assert labels(Stream()) is None
    assert length(Closed()) == 5
