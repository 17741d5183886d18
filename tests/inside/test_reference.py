"""Which images are looked at."""

from __future__ import annotations

import torch

from pellucid.inside.reference import choose_points, choose_reference_images


def test_probes_are_balanced_nested_and_fixed() -> None:
    labels = torch.tensor([0] * 50 + [1] * 3 + [2] * 20)
    twelve = choose_reference_images(labels, 12, seed=0)
    assert torch.equal(twelve, choose_reference_images(labels, 12, seed=0))
    assert not torch.equal(twelve, choose_reference_images(labels, 12, seed=1))
    assert torch.bincount(labels[twelve]).tolist() in ([5, 3, 4], [4, 3, 5])
    assert labels[twelve].tolist() == sorted(labels[twelve].tolist())
    assert set(choose_reference_images(labels, 5, seed=0).tolist()) < set(twelve.tolist())
    assert sorted(choose_reference_images(labels, 1000, seed=0).tolist()) == list(range(73))
    assert len(choose_reference_images(labels, 1, seed=0)) == 1


def test_points_are_fixed_and_few_enough() -> None:
    assert choose_points(5, 10, seed=0).tolist() == [0, 1, 2, 3, 4]
    some = choose_points(1000, 10, seed=0)
    assert len(set(some.tolist())) == 10
    assert torch.equal(some, choose_points(1000, 10, seed=0))
