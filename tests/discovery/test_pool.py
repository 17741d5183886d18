"""A fixed choice of somebody's images.

Axes: N images, C channels, H × W pixels.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    SequentialSampler,
    TensorDataset,
)

from pellucid.discovery import pool as pools
from pellucid.discovery.batch import find_batch
from pellucid.discovery.pool import can_fetch, fetch_batch, fetch_pool, flat_loaders, given_pool, heard_pool
from pellucid.errors import UserError
from pellucid.inside.images import UNKNOWN


class Numbered(Dataset[Any]):
    """Image i is full of i, of class i % 3; ``fetched`` says which were asked for."""

    def __init__(self, count: int, *, listed: bool = True) -> None:
        self.count, self.fetched = count, list[int]()
        if listed:
            self.targets = [index % 3 for index in range(count)]

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        self.fetched.append(index)
        return torch.full((1, 2, 2), float(index)), index % 3


class Together(Numbered):
    def __getitems__(self, rows: list[int]) -> list[Any]:
        return [self[row] for row in rows]


class Batches(Dataset[Any]):
    """Gives batches of two."""

    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return torch.full((2, 1, 2, 2), float(index)), torch.tensor([0, 1])


class Stream(IterableDataset[Any]):
    def __iter__(self) -> Any:
        raise AssertionError


def as_is(batch: Any) -> Any:
    return batch


def fetched(dataset: Any, *, seconds: float = 0, seed: int = 0, **options: Any) -> pools.Pool:
    loader = DataLoader(dataset, **{"batch_size": 4, **options})
    return fetch_pool(loader, as_is, pick=None, seed=seed, seconds=seconds)


@pytest.mark.parametrize("kind", [Numbered, Together])
def test_the_choice_is_balanced_and_in_the_order_of_the_data_set(kind: type[Numbered]) -> None:
    dataset = kind(300)
    pool = fetched(dataset)
    assert len(pool) == 64
    assert pool.total == 300
    assert pool.index_N.tolist() == sorted(set(dataset.fetched))
    assert len(dataset.fetched) == 64
    assert torch.equal(pool.inputs_NCHW[:, 0, 0, 0], pool.index_N.float())
    assert torch.equal(pool.labels_N, pool.index_N % 3)
    assert sorted(pool.labels_N.bincount().tolist()) == [21, 21, 22]


def test_a_fast_data_set_gives_more_and_the_first_are_among_them(monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = fetched(Numbered(300)), fetched(Numbered(300), seconds=60)
    assert len(many) == 300
    assert set(few.index_N.tolist()) <= set(many.index_N.tolist())
    monkeypatch.setattr(pools, "MAX_IMAGES", 100)
    assert len(fetched(Numbered(300), seconds=60)) == 100
    monkeypatch.setattr(pools, "MAX_BYTES", 80 * 4 * 4)
    assert len(fetched(Numbered(300), seconds=60)) == 80


def test_the_choice_is_that_of_the_seed_and_no_random_number_is_used() -> None:
    before = torch.get_rng_state()
    one, same, other = (fetched(Numbered(300), seed=seed, shuffle=True) for seed in (1, 1, 2))
    assert torch.equal(one.index_N, same.index_N)
    assert not torch.equal(one.index_N, other.index_N)
    assert torch.equal(torch.get_rng_state(), before)


def test_labels_that_are_not_listed_come_with_the_images() -> None:
    pool = fetched(Numbered(10, listed=False))
    assert pool.labels_N.tolist() == [index % 3 for index in range(10)]


def test_images_without_labels_are_of_an_unknown_class() -> None:
    pool = fetched(TensorDataset(torch.rand(5, 1, 2, 2)))
    assert pool.labels_N.tolist() == [UNKNOWN] * 5
    images = pool.pick(torch.tensor([3, 1]), ["a"])
    assert images.names == ["", ""]
    assert images.files == ["image 3", "image 1"]
    assert torch.equal(images.pixels_BCHW, pool.inputs_NCHW[[3, 1]])


def test_names_of_picked_images() -> None:
    pool = fetched(Numbered(6))
    images = pool.pick(torch.tensor([0, 1, 2]), ["a", "b"])
    assert images.names == ["a", "b", ""]


def test_a_data_set_of_batches_and_a_batch_sampler() -> None:
    pool = fetched(Batches(), batch_size=None)
    assert (len(pool), pool.total) == (10, None), "five are no number of images"
    dataset = Numbered(7)
    sampler = BatchSampler(SequentialSampler(dataset), 3, drop_last=False)
    loader = DataLoader(dataset, batch_sampler=sampler)
    images, labels = fetch_batch(loader, torch.tensor([6, 2]))
    assert images[:, 0, 0, 0].tolist() == [6, 2]
    assert labels.tolist() == [0, 2]


def test_images_of_another_size_than_the_first_are_left_out() -> None:
    class Sizes(Numbered):
        def __getitem__(self, index: int) -> tuple[Tensor, int]:
            side = 2 if index < 40 else 3
            return torch.full((1, side, side), float(index)), index % 3

    loader = DataLoader(Sizes(50), batch_size=1)
    batches = [find_batch(loader.collate_fn([loader.dataset[index]])) for index in (1, 45, 2)]
    pool = heard_pool(batches)
    assert pool.inputs_NCHW[:, 0, 0, 0].tolist() == [1, 2]
    assert pool.labels_N.tolist() == [1, 2]


def test_what_went_by_is_kept_in_its_order() -> None:
    batches = [find_batch((torch.full((2, 1, 2, 2), float(n)), torch.tensor([n, 0]))) for n in range(3)]
    pool = heard_pool(batches)
    assert pool.inputs_NCHW[:, 0, 0, 0].tolist() == [0, 0, 1, 1, 2, 2]
    assert pool.labels_N.tolist() == [0, 0, 1, 0, 2, 0]
    assert pool.total is None


def test_given_images() -> None:
    pool = given_pool(torch.rand(3, 1, 2, 2), torch.tensor([2, 0, 1]))
    assert pool.labels_N.tolist() == [2, 0, 1]
    assert pool.total == 3
    assert given_pool(torch.rand(3, 1, 2, 2), None).labels_N.tolist() == [UNKNOWN] * 3
    with pytest.raises(UserError, match=r"labels: expected a class number for each of 3 images, got \(2,\)"):
        given_pool(torch.rand(3, 1, 2, 2), torch.tensor([2, 0]))
    with pytest.raises(UserError, match=r"images: expected \(N, C, H, W\), one image at least, got \(3, 2\)"):
        given_pool(torch.rand(3, 2), None)


def test_what_can_be_fetched() -> None:
    assert can_fetch(DataLoader(Numbered(3)))
    assert not can_fetch(DataLoader(Stream()))
    assert not can_fetch([1, 2])
    assert not can_fetch(DataLoader(TensorDataset(torch.rand(0, 1, 2, 2))))
    assert not can_fetch(None)


def test_loaders_are_found_in_lists_and_mappings() -> None:
    assert list(flat_loaders(None)) == []
    assert list(flat_loaders("one")) == ["one"]
    assert list(flat_loaders({"a": ["one", ("two",)], "b": "three"})) == ["one", "two", "three"]
