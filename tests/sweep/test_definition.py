"""A sweep is continued as it was defined."""

from __future__ import annotations

from tests.sweep.conftest import GRID, SLOW, FakeTraining, Sweep, folder


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
