"""The command export: nothing is written where the file is not the net, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pellucid.commands.export import onnx_file
from pellucid.errors import UserError
from tests.commands.export.runs import run_export
from tests.helpers import command


def test_nothing_is_written_where_they_differ(
    trained: Path, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = exported.read_bytes()
    monkeypatch.setattr("pellucid.commands.export.exported.to_onnx", lambda graph, **given: content)
    other = torch.load(trained / "checkpoints" / "best.ckpt", weights_only=True)
    other["state_dict"]["net.head.bias"][0] += 0.01
    torch.save(other, tmp_path / "other.ckpt")
    with pytest.raises(
        UserError, match=r"differs from its net by 0\.01 on 16 test images .*Nothing was written"
    ):
        run_export(tmp_path / "other.ckpt")
    other["state_dict"]["net.head.bias"][0] = float("inf")
    torch.save(other, tmp_path / "other.ckpt")
    with pytest.raises(UserError, match="not finite"):
        run_export(tmp_path / "other.ckpt", format="state_dict")
    assert [path.name for path in tmp_path.iterdir()] == ["other.ckpt"]


def test_mistakes(trained: Path, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.jpg").write_bytes(b"")
    out = {"out": str(tmp_path / "out")}
    for given, message in (
        ({"format": "onxx"}, r"format=onxx: expected onnx, .* or torchscript\..*'onnx'"),
        ({"preprocessing": "outside"}, r"preprocessing=outside: expected inside or beside"),
        ({"opset": "new"}, r"opset=new: expected a whole number"),
        ({"checkpoint": "first"}, r"checkpoint=first: .* It has: last\.ckpt, best\.ckpt"),
        ({"images": str(tmp_path / "no")}, r"images=.*no: there is no such file or folder"),
        ({"format": "state_dict", "images": str(tmp_path / "x.jpg")}, r"1 file, no image"),
        ({"out": str(photo)}, r"photo\.png cannot be made: .*out=<folder>"),
    ):
        with pytest.raises(UserError, match=message):
            run_export(trained, **{**out, **given})
    monkeypatch.setattr(onnx_file, "NEEDED", ("onnx", "no_such_package"))
    with pytest.raises(UserError, match=r"not installed: no_such_package.* pip install 'pellucid\[export\]'"):
        run_export(trained, **out)
    assert not (tmp_path / "out").exists()


def test_a_run_without_checkpoints(tmp_path: Path) -> None:
    (tmp_path / "run" / ".hydra").mkdir(parents=True)
    (tmp_path / "run" / ".hydra" / "config.yaml").write_text("model: {}\n")
    with pytest.raises(UserError, match="It has: none"):
        run_export(tmp_path / "run")
    with pytest.raises(UserError, match="this folder is no run folder"):
        run_export(tmp_path)
    assert [path.name for path in (tmp_path / "run").iterdir()] == [".hydra"]


@pytest.mark.slow
def test_the_command(tmp_path: Path) -> None:
    done = command(f"run={tmp_path}", script="scripts/export.py", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "is no run folder" in done.stderr


@pytest.mark.slow
def test_the_command_prints_what_it_did_and_no_more(trained: Path, tmp_path: Path) -> None:
    done = command(
        f"run={trained}", f"out={tmp_path / 'a=b [1] 한글'}", script="scripts/export.py", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for said in ("Written: ", "Checked with onnxruntime", "16 test images", "To use it:"):
        assert said in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["a=b [1] 한글"]
