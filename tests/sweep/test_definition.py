"""A sweep is continued as it was defined."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from pellucid.config.space import Parameter
from pellucid.errors import UserError
from pellucid.sweep.definition import check_same
from tests.sweep.conftest import GRID, SLOW, FakeTraining, Sweep, folder


@pytest.mark.slow
def test_another_sweep_of_that_name_is_refused(sweep: Sweep, training: FakeTraining) -> None:
    assert sweep(GRID, "sweep.name=a").code == 0
    before = {path: path.read_bytes() for path in folder("a").rglob("*") if path.is_file()}
    ended = sweep("optimizer.lr=1e-3,1e-2,1e-1", "model.dropout=0.3", "seed=3", "sweep.name=a")
    assert ended.code == 2
    assert "optimizer.lr: choice(0.001,0.01) before, choice(0.001,0.01,0.1) now" in ended.err
    assert "model.dropout: 0.25 before, 0.3 now" in ended.err
    assert "seed: 0 before, 3 now" in ended.err
    assert {path: path.read_bytes() for path in folder("a").rglob("*") if path.is_file()} == before


@SLOW
def test_only_what_decides_must_stay(sweep: Sweep, training: FakeTraining) -> None:
    assert sweep(GRID, "sweep.name=a").code == 0
    assert sweep(GRID, "sweep.seeds=2", "sweep.name=a").code == 2
    assert sweep("sweep=random", GRID, "sweep.name=a").code == 2
    assert sweep(GRID, "seed=0", "sweep.retries=1", "sweep.name=a").code == 0  # says the same


SWEPT: dict[str, Any] = {
    "space": {"optimizer.lr": Parameter(key="optimizer.lr", low=0.1, high=1.0).to_dict()},
    "options": {"model.dropout": 0.25, "optimizer.lr": 0.1},
    "sweep": {"metric": "val/loss", "sampler.seed": float("nan")},
    "command": "python train.py -m sweep=random",
    "versions": {"torch": "2.6.0+cpu", "optuna": "4.9.0"},
    "storage": None,
}


def test_the_same_definition_is_the_same() -> None:
    check_same(SWEPT, copy.deepcopy(SWEPT), "a")
    check_same(SWEPT, {**SWEPT, "versions": {"torch": "2.6.0+cu124", "optuna": "4.9.0"}}, "a")
    check_same(SWEPT, {**SWEPT, "options": {**SWEPT["options"], "optimizer.lr": 0.5}}, "a")  # it is searched


@pytest.mark.parametrize(
    ("part", "value", "said"),
    [
        ("options", {"optimizer.lr": 0.1}, "  model.dropout: 0.25 before, nothing now"),
        ("options", {"model.dropout": 0.25, "seed": 3}, "  seed: nothing before, 3 now"),
        (
            "sweep",
            {**SWEPT["sweep"], "metric": "val/accuracy"},
            "sweep.metric: val/loss before, val/accuracy",
        ),
        ("space", {}, r"optimizer.lr: .* before, nothing now"),
        (
            "versions",
            {"torch": "2.7.0", "optuna": "4.9.0"},
            r"other versions \(torch 2.6.0\+cpu before, 2.7.0 here",
        ),
        ("storage", "sqlite:///a.db", "are in its own journal, but sweep.storage says sqlite:///a.db"),
    ],
)
def test_another_one_is_told_part_by_part(part: str, value: Any, said: str) -> None:
    with pytest.raises(UserError, match=said):
        check_same(SWEPT, {**SWEPT, part: value}, "a")
