"""Generators that a data set holds are afterwards as before."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from pellucid.discovery.random_state import preserve_generators


def holders() -> list[Any]:
    return [
        random.Random(1),
        np.random.default_rng(1),
        np.random.RandomState(1),
        torch.Generator().manual_seed(1),
    ]


def draw(generators: list[Any]) -> list[float]:
    python, numpy, legacy, torchs = generators
    own = [python.random(), numpy.random(), legacy.rand(), float(torch.rand((), generator=torchs))]
    return [*own, random.random(), float(np.random.rand()), float(torch.rand(()))]  # noqa: NPY002


@pytest.mark.parametrize("raises", [False, True])
def test_all_generators_give_again_what_they_gave_within(raises: bool) -> None:
    generators = holders()
    dataset = SimpleNamespace(transform=SimpleNamespace(generators=generators))
    draw(generators)
    within: list[float] = []
    try:
        with preserve_generators(torch.device("cpu"), None, dataset):
            within = draw(generators)
            assert draw(generators) != within
            if raises:
                raise ValueError
    except ValueError:
        assert raises
    assert draw(generators) == within


def test_one_that_nobody_holds_goes_on() -> None:
    generators = holders()
    with preserve_generators(torch.device("cpu"), SimpleNamespace()):
        first = draw(generators)[:4]
    assert draw(generators)[:4] != first
