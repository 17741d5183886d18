"""Muon: against timm's, torch's AdamW and singular values."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pellucid.optimizer import muon
from pellucid.optimizer.muon import Muon, is_matrix, orthogonal


def in_float32(matrix: Tensor) -> torch.dtype:
    return torch.float32


def trained(parameter: Tensor, optimizer: Any, steps: int = 4) -> Tensor:
    """The parameter after some steps towards zero."""
    for _ in range(steps):
        optimizer.zero_grad()
        (parameter**2).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return parameter.detach()


@pytest.mark.parametrize("shape", [(8, 20), (20, 8), (12, 12)])
def test_singular_values_come_near_one(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonal(matrix).float())
    assert float(values.min()) > 0.95
    assert float(values.max()) < 1.05
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    assert torch.nn.functional.cosine_similarity(
        orthogonal(matrix).flatten().float(), (left @ right).flatten(), dim=0
    ) == pytest.approx(1, abs=0.05)


def test_nothing_comes_of_no_gradient() -> None:
    assert not orthogonal(torch.zeros(3, 4)).any()


@pytest.mark.parametrize("shape", [(6, 10), (10, 6), (6, 3, 3, 3)])
def test_matrices_and_convolutions_move_as_by_timm(
    shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose numbers are made to be of float32, as ours are here."""
    library = pytest.importorskip("timm.optim.muon")
    for module, name in ((library, "zeropower_via_newtonschulz"), (muon, "_fast")):
        exact = partial(getattr(module, name), dtype=torch.float32) if module is library else in_float32
        monkeypatch.setattr(module, name, exact)
    start = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    found = trained(ours, Muon([ours], lr=0.02, weight_decay=0.1))
    expected = trained(theirs, library.Muon([theirs], nesterov=True, lr=0.02, weight_decay=0.1))
    assert torch.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(("shape", "fallback"), [((7,), False), ((1, 5, 4), False), ((6, 10), True)])
def test_all_else_moves_as_by_adamw(shape: tuple[int, ...], fallback: bool) -> None:
    start = torch.randn(shape, generator=torch.Generator().manual_seed(2))
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    group = {"params": [ours], "use_fallback": fallback}
    found = trained(ours, Muon([group], lr=0.1, weight_decay=0.2))
    expected = trained(theirs, torch.optim.AdamW([theirs], lr=0.1, weight_decay=0.2, betas=(0.9, 0.95)))
    assert torch.equal(found, expected)


def test_what_is_a_matrix() -> None:
    mixing: list[Any] = [nn.Linear(3, 2), nn.Conv2d(2, 4, 3), nn.ConvTranspose2d(2, 4, 3)]
    apart: list[Any] = [nn.Conv2d(4, 4, 3, groups=4), nn.Conv2d(1, 8, 3), nn.BatchNorm2d(4), nn.Linear(3, 1)]
    assert [is_matrix(layer.weight) for layer in mixing] == [True, True, True]
    assert [is_matrix(layer.weight) for layer in apart] == [False, False, False, False]
    assert not is_matrix(nn.Parameter(torch.zeros(1, 7, 4)))  # a token or position


def test_a_closure_is_asked_with_gradients() -> None:
    weight = nn.Parameter(torch.ones(3, 2))
    optimizer = Muon([weight], lr=0.1)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss: Tensor = (weight**2).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    assert float(optimizer.step(closure)) == 6
    assert float((weight.detach() ** 2).sum()) < 6


def test_parameters_without_a_gradient_stay() -> None:
    weight = nn.Parameter(torch.ones(3, 2))
    Muon([weight]).step()
    assert torch.equal(weight.detach(), torch.ones(3, 2))
