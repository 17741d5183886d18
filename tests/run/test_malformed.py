"""Checkpoints of plain values that are not what they should be: a paragraph, never a traceback."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from pellucid.commands.evaluate import evaluate
from pellucid.errors import UserError
from pellucid.run.checkpoint import load_checkpoint
from tests.helpers import make_run, same
from tests.run.test_stranger import options, resume

DROP = object()
OF_ALL: dict[str, list[Any]] = {  # refused by every command
    "pellucid": [DROP, 1],
    "pellucid.spec": ["x"],
    "pellucid.spec.mean": [[10**30]],
    "pellucid.spec.classes": [[], [1]],
    "pellucid.config.seed": [-1],
    "pellucid.config.model": [{"_target_": 1}],
    "pellucid.config.scheduler": [DROP],
    "pellucid.config.trainer.precision": [torch.zeros(3)],
    "pellucid.config.logger": [torch.zeros(3), [1]],
    "epoch": [DROP, 2.5],
    "state_dict": [DROP, {"a": torch.zeros(3)}],
}
OF_TRAINING: dict[str, list[Any]] = {  # with which a run can still be evaluated
    "callbacks": [{}],
    "callbacks.Recorder.rows": [[{}]],
    "loops": [DROP, {"fit_loop": None}, [1]],
    "loops.fit_loop.epoch_loop.state_dict._batches_that_stepped": [10**30, {}],
    "optimizer_states": [[], [{}]],
    "optimizer_states.0.param_groups": [[], [{}]],
    "optimizer_states.0.param_groups.0.lr": ["x", float("nan")],
    "optimizer_states.0.state.0": [1.5, {}, torch.zeros(3)],
    "optimizer_states.0.state.0.exp_avg": [None, torch.zeros(3)],
    "lr_schedulers": [[], [{}]],
    "lr_schedulers.0.last_epoch": [DROP, []],
    "lr_schedulers.0.step_size": [None, "x"],
}


def changed(node: Any, path: list[str], value: Any) -> Any:
    """A copy with the value there, or without what is there."""
    copy = dict(node) if isinstance(node, dict) else list(node)
    key: Any = int(path[0]) if path[0].isdigit() else path[0]
    if len(path) > 1:
        copy[key] = changed(copy[key], path[1:], value)
    elif value is DROP:
        del copy[key]
    else:
        copy[key] = value
    return copy


def keys(path: str, content: Any) -> list[str]:
    """The path's parts; names of Lightning's hold dots."""
    parts, node = [], content
    rest = path.split(".")
    while rest:
        for length in range(1, len(rest) + 1):
            part = ".".join(rest[:length])
            if length == len(rest) or (part.isdigit() or (isinstance(node, dict) and part in node)):
                break
        parts.append(part)
        node = node[int(part) if part.isdigit() else part] if length < len(rest) else None
        rest = rest[length:]
    return parts


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(
        tmp_path_factory.mktemp("runs") / "run", "model=dnn", "model.hidden=[4]", "scheduler=step"
    )


@pytest.mark.slow
@pytest.mark.parametrize("path", [*OF_ALL, *OF_TRAINING])
def test_a_part_that_is_not_what_it_should_be(trained: Path, tmp_path: Path, path: str) -> None:
    last = Path("checkpoints") / "last.ckpt"
    content = torch.load(trained / last, weights_only=True)
    for value in {**OF_ALL, **OF_TRAINING}[path]:
        run = shutil.copytree(trained, tmp_path / "run")
        torch.save(changed(content, keys(path, content), value), run / last)
        before = (run / last).read_bytes()
        with pytest.raises(UserError):
            print(value, resume(run))
        assert (run / last).read_bytes() == before
        given = {**options("evaluate"), "run": str(run / last), "data": None, "out": str(tmp_path / "out")}
        if path in OF_ALL:
            with pytest.raises(UserError):
                evaluate(**given)
        else:
            evaluate(**given)
        shutil.rmtree(run)
    assert same(load_checkpoint(trained / last)["state_dict"], content["state_dict"])
