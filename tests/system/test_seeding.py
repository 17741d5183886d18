"""Randomness as a function of seed and place."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from pellucid.system.seeding import derive, generator, seed_global, seed_step

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("seed", "place", "digest"),
    [  # printf '1/order/3' | sha256sum
        (0, (), "5feceb66ffc86f38"),
        (1, ("order", 3), "9218ee42e13018b0"),
    ],
)
def test_a_seed_is_the_head_of_a_sha256(seed: int, place: tuple[int | str, ...], digest: str) -> None:
    assert derive(seed, *place) == int.from_bytes(bytes.fromhex(digest), "little") // 2


def test_every_one_of_the_63_bits_is_set_half_of_the_time() -> None:
    values = np.array([derive(seed, "order", 0) for seed in range(2000)], dtype=np.uint64)
    bits = (values[:, None] >> np.arange(64, dtype=np.uint64)) & np.uint64(1)
    share = bits.mean(axis=0)
    assert share[63] == 0
    assert abs(share[:63] - 0.5).max() < 0.05


def test_seeds_epochs_and_purposes_give_different_draws() -> None:
    places = [(s, p, e) for s in range(10) for p in ("order", "augment") for e in range(100)]
    assert len({derive(*place) for place in places}) == len(places)


def test_a_generator_starts_from_its_place_whatever_was_drawn_before() -> None:
    first = torch.rand(5, generator=generator(3, "augment", 7))
    torch.rand(100)
    torch.rand(100, generator=generator(3, "augment", 8))
    assert torch.equal(torch.rand(5, generator=generator(3, "augment", 7)), first)


def test_a_generator_leaves_the_global_one_alone() -> None:
    before = torch.get_rng_state()
    torch.rand(5, generator=generator(3, "augment", 7))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_global_generators_of_python_numpy_and_torch_are_set() -> None:
    def draws() -> tuple[float, float, float]:
        legacy = np.random.rand()  # noqa: NPY002
        return random.random(), float(legacy), float(torch.rand(1))

    seed_global(5, "fit")
    first = draws()
    draws()
    seed_global(5, "fit")
    assert draws() == first
    seed_global(6, "fit")
    assert all(a != b for a, b in zip(draws(), first, strict=True))


def test_a_step_sets_the_generator_of_dropout() -> None:
    net, ones = torch.nn.Dropout(0.5), torch.ones(64)
    seed_step(1, CPU, "step", 9)
    first = net(ones)
    assert not torch.equal(net(ones), first)
    seed_step(1, CPU, "step", 9)
    assert torch.equal(net(ones), first)
    seed_step(1, CPU, "step", 10)
    assert not torch.equal(net(ones), first)


def test_a_step_leaves_python_and_numpy_alone() -> None:
    python, numpy = random.getstate(), np.random.get_state(legacy=True)  # noqa: NPY002
    seed_step(1, CPU, "step", 9)
    assert random.getstate() == python
    assert repr(np.random.get_state(legacy=True)) == repr(numpy)  # noqa: NPY002
