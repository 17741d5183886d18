"""Pickles are read for their tensors, and nothing that they name is imported or called."""

from __future__ import annotations

import io
import pickle
import sys
import types
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from pellucid.model.tensor_pickle import Inert, load_tensors


class Bomb:
    """Executes on unpickling."""

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (Path("bomb_went_off"),)


class Options:
    """Of a class that is nowhere when the file is read."""

    def __init__(self) -> None:
        self.rate, self.names, self.weight = 0.1, {"a", "b"}, torch.ones(2)


def test_tensors_beside_objects_of_any_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("somebodys")
    monkeypatch.setattr(Options, "__module__", "somebodys")
    module.Options = Options  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "somebodys", module)
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    content = {"state_dict": net.state_dict(), "hyper_parameters": Options(), "bomb": Bomb(), "net": net}
    torch.save(content, tmp_path / "x.ckpt")
    monkeypatch.delitem(sys.modules, "somebodys")
    monkeypatch.chdir(tmp_path)
    found = load_tensors(tmp_path / "x.ckpt")
    assert not (tmp_path / "bomb_went_off").exists()
    assert "somebodys" not in sys.modules
    assert all(torch.equal(value, found["state_dict"][name]) for name, value in net.state_dict().items())
    assert isinstance(found["hyper_parameters"], Inert)
    assert found["hyper_parameters"]["rate"] == 0.1
    assert found["hyper_parameters"]["weight"].tolist() == [1, 1]
    assert torch.equal(found["net"]["_modules"]["0"]["_parameters"]["weight"], net.get_parameter("0.weight"))


@pytest.mark.parametrize(
    "written",
    [
        b"ctorch._utils\n_rebuild_tensor_v2\n(N(dVx\nI1\nstb.",  # sets an attribute of torch's function
        b"ctorch._utils\n_rebuild_tensor_v2\n}b.",
        b"cposix\nsystem\n}(Vupdate\nI1\nsb.",  # and of the class that stands for all others
    ],
)
def test_functions_and_classes_have_no_state(written: bytes, tmp_path: Path) -> None:
    torch.save({"a": 1}, tmp_path / "x.pt")
    (tmp_path / "y.pt").write_bytes(_with_pickle((tmp_path / "x.pt"), written))
    with pytest.raises((pickle.UnpicklingError, TypeError)):
        load_tensors(tmp_path / "y.pt")


def _with_pickle(path: Path, content: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as copy:
        for entry in source.infolist():
            copy.writestr(entry, content if entry.filename.endswith("data.pkl") else source.read(entry))
    return target.getvalue()


def test_tensors_with_attributes(tmp_path: Path) -> None:
    tensor: Any = torch.arange(3.0)
    tensor.note = Bomb
    torch.save({"a": tensor, "b": nn.Parameter(torch.ones(2), requires_grad=False)}, tmp_path / "x.pt")
    found = load_tensors(tmp_path / "x.pt")
    assert found["a"].tolist() == [0, 1, 2]
    assert not hasattr(found["a"], "note")
    assert found["b"].tolist() == [1, 1]
