"""Which checkpoints a run keeps, and what a full disk or a lost file does to them."""

from __future__ import annotations

import copy
import logging
import resource
from pathlib import Path
from typing import Any

import pytest
import torch

from pellucid.engine.checkpoint import CheckpointKeeper, fits
from pellucid.errors import UserError
from pellucid.run.checkpoint import load_checkpoint
from tests.engine.runs import run
from tests.helpers import metrics, same, weights


def test_a_best_checkpoint_that_is_not_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is made up for from the checkpoint that was kept of its epoch, else told, before the training."""
    run(tmp_path / "run", "model=dnn", "keep_every=1", "trainer.max_epochs=3")
    folder = tmp_path / "run" / "checkpoints"
    recorder: Any = None
    keep = CheckpointKeeper(
        folder=folder, monitor="x", mode="max", keep_every=1, recorder=recorder, last=None
    )
    rows = [{"x": 0.5}, {"x": 0.9}, {"x": 0.7}]
    best, second = folder / "best.ckpt", (folder / "epoch_0002.ckpt").read_bytes()
    logging.getLogger("pellucid").propagate = True
    for content in (None, b"junk", (folder / "last.ckpt").read_bytes()):
        best.unlink()
        if content is not None:
            best.write_bytes(content)
        keep.make_up(rows)
        assert best.read_bytes() == second
    assert not caplog.text
    (folder / "epoch_0002.ckpt").unlink()
    best.unlink()
    keep.make_up(rows)
    assert best.read_bytes() == (folder / "last.ckpt").read_bytes()
    assert "is not that of epoch 2, the best; until a better one, that of epoch 3 stands in" in caplog.text


def test_keep_every_keeps_numbered_checkpoints(trained: Path) -> None:
    kept = sorted(path.name for path in (trained / "checkpoints").iterdir())
    assert kept == ["best.ckpt", "epoch_0002.ckpt", "epoch_0004.ckpt", "last.ckpt"]
    assert load_checkpoint(trained / "checkpoints" / "epoch_0002.ckpt")["epoch"] == 1


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path: Path) -> None:
    run(tmp_path, "model=dnn", "trainer.max_epochs=1")
    good = weights(tmp_path)
    size = (tmp_path / "checkpoints" / "last.ckpt").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, hard))  # no file may grow beyond that
    try:
        with pytest.raises(UserError, match="could not be written") as caught:
            run(tmp_path, "model=dnn", "trainer.max_epochs=2", resume=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "resume=" in str(caught.value)
    assert same(good, weights(tmp_path))
    assert [p.name for p in (tmp_path / "checkpoints").iterdir() if p.name.startswith(".")] == []
    assert metrics(tmp_path)["status"] == "failed"


def adam() -> torch.optim.Optimizer:
    """Adam, which has made a step."""
    weight = torch.nn.Parameter(torch.ones(2, 3))
    optimizer = torch.optim.Adam([weight], lr=0.1)
    weight.grad = torch.ones(2, 3)
    optimizer.step()
    return optimizer


def spoil(**changes: Any) -> dict[str, Any]:
    state = copy.deepcopy(adam().state_dict())
    for name, value in changes.items():
        (state["param_groups"][0] if name in state["param_groups"][0] else state["state"][0])[name] = value
    return state


def test_the_state_of_an_optimizer_fits_the_like_of_it() -> None:
    assert fits(adam(), adam().state_dict())
    assert fits(adam(), spoil(lr=0.5, betas=[0.8, 0.9])), "other numbers"


@pytest.mark.parametrize(
    "state",
    [
        *(None, {}, {"param_groups": [], "state": {}}, {**spoil(), "state": {1: {}}}),
        *(spoil(lr="0.1"), spoil(lr=True), spoil(lr=float("nan")), spoil(betas=(0.9,)), spoil(amsgrad="yes")),
        *(spoil(exp_avg=torch.ones(3, 2)), spoil(exp_avg=torch.ones(2, 3).long()), spoil(exp_avg="much")),
    ],
)
def test_another_state_does_not(state: Any) -> None:
    assert not fits(adam(), state)


def test_how_an_optimizer_works_is_part_of_its_state() -> None:
    """Muon's groups hold texts, and of some parameters it keeps other things than of the rest."""
    muon = pytest.importorskip("timm.optim").Muon
    matrix, bias = torch.nn.Parameter(torch.ones(8, 8)), torch.nn.Parameter(torch.ones(8))
    optimizer = muon([matrix, bias], lr=0.1)
    matrix.grad, bias.grad = torch.ones(8, 8), torch.ones(8)
    optimizer.step()
    state = copy.deepcopy(optimizer.state_dict())
    assert len({frozenset(values) for values in state["state"].values()}) == 2
    assert fits(optimizer, state)
    state["param_groups"][0]["conv_mode"] = "batched"
    assert not fits(optimizer, state)


def test_a_number_of_checkpoints_below_none_is_refused(tmp_path: Path) -> None:
    options: Any = {"folder": tmp_path, "monitor": "x", "mode": "max", "recorder": None, "last": None}
    with pytest.raises(UserError, match=r"keep_every=-1: expected 0 \(none\) or more"):
        CheckpointKeeper(keep_every=-1, **options)
