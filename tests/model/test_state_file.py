"""Files of weights of every kind, and of none."""

from __future__ import annotations

import json
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from pellucid.errors import UserError
from pellucid.model.state_file import StateFile, preprocessing_of
from pellucid.spec import Spec

SPEC = Spec((1, 8, 8), ("a", "b"), (0.5,), (0.25,), "a test", crop=0.9)


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(OrderedDict(conv=nn.Conv2d(1, 4, 3), norm=nn.BatchNorm2d(4)))


def state() -> dict[str, Tensor]:
    return dict(net().state_dict())


def assert_has(file: StateFile, prefix: str = "") -> None:
    assert file.tensors.keys() == {f"{prefix}{name}" for name in state()}
    assert all(torch.equal(file.tensors[f"{prefix}{name}"], value) for name, value in state().items())


class Options:
    """No part of the safe classes of torch."""


@pytest.mark.parametrize(
    ("content", "prefix"),
    [
        (state(), ""),
        ({"state_dict": state(), "hyper_parameters": {"net": net()}, "options": Options()}, "state_dict."),
        ({"model_state_dict": {f"module.{k}": v for k, v in state().items()}}, "model_state_dict.module."),
        ({"epoch": 3, "model": state(), "optimizer": {"conv.weight": torch.ones(1)}}, "model."),
        ({f"_orig_mod.{k}": v for k, v in state().items()}, ""),
        (net(), ""),
    ],
)
@pytest.mark.parametrize("is_zip", [True, False])
def test_what_torch_has_saved(tmp_path: Path, content: Any, prefix: str, is_zip: bool) -> None:
    path = tmp_path / "weights=1.pth"
    torch.save(content, path, _use_new_zipfile_serialization=is_zip)
    if not is_zip and (isinstance(content, nn.Module) or "options" in content):  # nor is it read then
        with pytest.raises(UserError, match=r"not a file of tensors.*nothing in it was executed"):
            StateFile.read(path)
        return
    assert_has(StateFile.read(path), prefix)


def test_safetensors_and_what_they_say_of_the_data(tmp_path: Path) -> None:
    save_file(state(), tmp_path / "x.safetensors", {"about": json.dumps(SPEC.to_dict())})
    file = StateFile.read(tmp_path / "x.safetensors")
    assert_has(file)
    assert file.spec == SPEC
    save_file(state(), tmp_path / "model.safetensors")
    assert StateFile.read(tmp_path).spec is None, "of a folder of transformers'"


def test_a_program_of_torch_export_is_read_but_not_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = torch.export.export(net().eval(), (torch.zeros(2, 1, 8, 8),), strict=False)
    torch.export.save(program, tmp_path / "x.pt2")
    monkeypatch.setattr(torch.export, "load", None)
    assert_has(StateFile.read(tmp_path / "x.pt2"))


def test_the_facts_beside_a_file_are_those_of_its_data(tmp_path: Path) -> None:
    torch.save(state(), tmp_path / "best.pt")
    (tmp_path / "best.pt.json").write_text(json.dumps({**SPEC.to_dict(), "net": "x"}))
    file = StateFile.read(tmp_path / "best.pt")
    assert file.spec == SPEC
    asked = preprocessing_of(file, 1)
    assert asked is not None
    assert (asked.mean, asked.std, asked.size, asked.crop) == ((0.5,), (0.25,), 8, 0.9)
    assert preprocessing_of(file, 4) is preprocessing_of(None, 1) is None
    (tmp_path / "best.pt.json").write_text('{"classes": 3}')
    assert StateFile.read(tmp_path / "best.pt").spec is None


def cut(path: Path) -> None:
    torch.save(state(), path)
    path.write_bytes(path.read_bytes()[:-200])


def torchscript(path: Path) -> None:
    traced = torch.jit.trace(net().eval(), torch.zeros(1, 1, 8, 8))  # type: ignore[no-untyped-call]
    traced.save(str(path))


@pytest.mark.filterwarnings("ignore:.*torch.jit")
@pytest.mark.parametrize(
    ("name", "make", "told"),
    [
        ("x.pt", lambda path: path.write_bytes(b""), r"the file is empty \(0 bytes\)"),
        ("x.pt", lambda path: path.write_bytes(b"not a checkpoint"), "does not begin as a file of torch"),
        ("x.pt", lambda path: path.write_bytes(pickle.dumps(Path("a"), 4)), "objects that are no tensors"),
        (
            "x.pt",
            lambda path: path.write_bytes(b"PK\x03\x04 half a zip"),
            "damaged, or not a file of tensors",
        ),
        ("x.pt", cut, "damaged, or not a file of tensors"),
        ("x.safetensors", lambda path: path.write_bytes(b"{}"), "damaged, or not a file of tensors"),
        ("x.pt", lambda path: torch.save({"a": 1}, path), "expected tensors by name, found none"),
        ("x.pt", lambda path: torch.save(torch.ones(2), path), "expected tensors by name, found none"),
        ("x.pt", torchscript, "it is a TorchScript program"),
        ("x.torchscript", torchscript, r"a TorchScript program.*format=state_dict"),
        ("x.onnx", lambda path: path.write_bytes(b"x"), r"an ONNX model.*format=state_dict"),
        ("x.pt", lambda path: None, "there is no such file or folder"),
        ("x.pt", lambda path: path.mkdir(), "this folder has no weights. Expected the folder of a run"),
    ],
)
def test_what_is_no_file_of_weights_is_told_in_a_paragraph(
    tmp_path: Path, name: str, make: Any, told: str
) -> None:
    make(tmp_path / name)
    with pytest.raises(UserError, match=told) as raised:
        StateFile.read(tmp_path / name, "model.weights")
    assert str(raised.value).startswith(f"model.weights={tmp_path / name}: ")
    assert "\n" not in str(raised.value)


def test_preprocessing_of_colour_for_grey_and_of_grey_for_colour() -> None:
    def of(spec: Spec, channels: int) -> tuple[float, ...] | None:
        found = preprocessing_of(StateFile(Path("x"), "weights=x", {}, spec), channels)
        return found.mean if found else None

    colour = Spec((3, 8, 8), ("a", "b"), (0.25, 0.5, 0.75), (0.1, 0.2, 0.3), "a test")
    assert of(colour, 3) == (0.25, 0.5, 0.75)
    assert of(colour, 1) == (0.5,)
    assert of(Spec((1, 8, 8), ("a", "b"), (0.25,), (0.1,), "a test"), 3) == (0.25, 0.25, 0.25)
    assert of(colour, 4) is None
