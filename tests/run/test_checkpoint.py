"""Checkpoint files: what is ours, what is not, and what would execute code."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from pellucid.commands.train import train
from pellucid.engine.build import restore_task
from pellucid.errors import UserError
from pellucid.run.checkpoint import load_checkpoint
from tests.helpers import compose


class Bomb:
    """Touches a file when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("bomb_went_off"),)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    train(compose("model=dnn"), folder)
    return folder / "checkpoints" / "best.ckpt"


@pytest.mark.parametrize("write", ["torch", "pickle"])
def test_a_malicious_checkpoint_is_not_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: str
) -> None:
    monkeypatch.chdir(tmp_path)
    content = {"state_dict": {}, "pellucid": Bomb()}
    path = tmp_path / "bad.ckpt"
    torch.save(content, path) if write == "torch" else path.write_bytes(pickle.dumps(content))
    with pytest.raises(UserError, match="nothing in it was executed"):
        load_checkpoint(path)
    assert not (tmp_path / "bomb_went_off").exists()


def test_a_malicious_configuration_is_not_built(
    tmp_path: Path, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content = torch.load(good, weights_only=True)
    content["pellucid"]["config"]["model"] = {"_target_": "os.mkdir", "path": "bomb_went_off"}
    with pytest.raises(UserError, match="is not allowed there"):
        restore_task(content)
    assert not (tmp_path / "bomb_went_off").exists()


def test_a_truncated_checkpoint_is_told(tmp_path: Path, good: Path) -> None:
    for length in (0, 10, good.stat().st_size // 2):
        path = tmp_path / "half.ckpt"
        path.write_bytes(good.read_bytes()[:length])
        with pytest.raises(UserError, match="is damaged"):
            load_checkpoint(path)


def test_a_foreign_checkpoint_is_told(tmp_path: Path) -> None:
    path = tmp_path / "foreign.ckpt"
    torch.save({"state_dict": {}, "epoch": 3}, path)
    with pytest.raises(UserError, match=r"not one of pellucid's"):
        load_checkpoint(path)


def test_a_newer_format_is_told(tmp_path: Path, good: Path) -> None:
    content = torch.load(good, weights_only=True)
    content["pellucid"]["format"] = 99
    torch.save(content, tmp_path / "new.ckpt")
    with pytest.raises(UserError, match="newer pellucid"):
        load_checkpoint(tmp_path / "new.ckpt")


def test_weights_that_do_not_fit_are_told(good: Path) -> None:
    content = torch.load(good, weights_only=True)
    content["pellucid"]["config"]["model"]["hidden"] = [5, 5]
    with pytest.raises(UserError, match="do not fit its own net"):
        restore_task(content)


def test_a_missing_checkpoint_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such checkpoint"):
        load_checkpoint(tmp_path / "none.ckpt")
