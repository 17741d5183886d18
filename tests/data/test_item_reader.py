"""A reader of items: what they are like, and all of them by any number of workers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from pellucid.data.item_reader import SECONDS, Item, Reader, batched, check_workers, form_of
from pellucid.data.items import ItemError
from pellucid.errors import UserError
from pellucid.spec import Fit
from tests.data.own_sets import Digits, Transformed, digits, draws


class Draws(Digits):
    """An image that is made of all the global generators."""

    def __getitem__(self, index: int) -> Any:
        return np.full((8, 8), int(draws(index) * 80) % 256, np.uint8), 0


def test_what_items_are_like() -> None:
    looked = Reader(Digits(), "it").look()
    assert (looked.shapes, looked.of_pillow, looked.random) == (frozenset({(1, 8, 8)}), True, False)
    cropped = Reader(Transformed(range(50), is_random=True), "it").look()
    assert cropped.random
    assert not cropped.of_pillow
    assert cropped.normalization is not None
    assert cropped.normalization.source == "Normalize of torchvision"


def test_a_draw_is_a_function_of_seed_number_and_item() -> None:
    reader = Reader(Draws(), "it", seed=1)
    state = torch.get_rng_state()
    pixels = {
        (seed, draw, index): int(np.asarray(replace(reader, seed=seed, draw=draw).raw(index)[0])[0, 0, 0])
        for seed in (1, 2)
        for draw in (0, 1)
        for index in (0, 1)
    }
    assert len(set(pixels.values())) == 8
    torch.manual_seed(5)
    assert int(np.asarray(reader.raw(1)[0])[0, 0, 0]) == pixels[1, 0, 1]
    torch.set_rng_state(state)


@pytest.mark.parametrize("workers", [0, 2])
def test_all_items_in_order(workers: int) -> None:
    reader = Reader(Digits("array"), "it", random=False)
    looked = reader.look()
    reader = replace(reader, form=form_of((1, 8, 8), photos=False, fit=Fit(), looked=looked))
    items: list[Item] = [item for part in reader.read(batched(70), workers) for item in part]
    assert np.array_equal(np.stack([item.pixels[0] for item in items]), digits()[0][:70])
    assert [item.label for item in items] == digits()[1][:70].tolist()
    assert len({item.digest for item in items}) == 70


def test_workers_start_where_reading_takes_long() -> None:
    reader = Reader(Digits(), "it")
    assert reader.workers(3, 0.0, 10) == 3
    assert reader.workers("auto", SECONDS / 20, 10) == 0
    assert reader.workers("auto", SECONDS, 10) > 0
    with pytest.raises(UserError, match=r"data.workers=some: expected auto"):
        check_workers("some")  # type: ignore[arg-type]


def test_an_item_is_named_by_its_number() -> None:
    told = Reader(Digits(), "it").told(3, ItemError("is odd."))
    assert str(told) == "it: item 3 of 400 is odd."
