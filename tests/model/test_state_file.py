"""Weights from files of anybody's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torchvision import models

from pellucid.errors import UserError
from tests.model.zoo import make


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_weights_from_a_file(tmp_path: Path, dtype: torch.dtype) -> None:
    source = models.resnet18(num_classes=7)
    path = tmp_path / "weights=1.pth"
    torch.save(
        {k: v.to(dtype) if v.is_floating_point() else v for k, v in source.state_dict().items()},
        path,
    )
    net = make(weights=str(path))
    expected = source.layer4[1].conv2.weight.to(dtype).float()
    assert torch.equal(net.get_parameter("backbone.layer4.1.conv2.weight"), expected)
    assert torch.equal(net.head.weight, source.fc.weight.to(dtype).float())
    assert net.head.weight.dtype == torch.float32


def test_a_head_of_another_size_is_dropped_with_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "weights.pth"
    torch.save(models.resnet18(num_classes=10).state_dict(), path)
    make(weights=str(path))
    assert [r.getMessage() for r in caplog.records] == [
        "weights.pth: its head for 10 classes was dropped; the new head for 7 starts at random."
    ]


@pytest.mark.parametrize("inside", ["net.", ""])
def test_weights_of_a_checkpoint_or_an_exported_net_of_ours(tmp_path: Path, inside: str) -> None:
    source = make()
    state = {f"{inside}{key}": value for key, value in source.state_dict().items()}
    more = {"val_metrics.accuracy.tp": torch.zeros(7)} if inside else {}
    torch.save({"epoch": 3, "state_dict": {**state, **more}}, tmp_path / "best.ckpt")
    net = make(weights=str(tmp_path / "best.ckpt"))
    assert all(torch.equal(value, source.state_dict()[key]) for key, value in net.state_dict().items())


def test_a_file_that_does_not_fit_lists_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save(models.resnet34(num_classes=7).state_dict(), path)
    with pytest.raises(UserError, match=r"does not fit resnet18.*Not in the net: layer1\.2"):
        make(weights=str(path))
    state = models.resnet18(num_classes=7).state_dict()
    del state["layer1.0.conv1.weight"]
    torch.save(state, path)
    with pytest.raises(UserError, match=r"Missing: layer1\.0\.conv1\.weight"):
        make(weights=str(path))


class Bomb:
    """Executes on unpickling."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("bomb_went_off"),)  # type: ignore[return-value]


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 half a zip"])
def test_a_foreign_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(UserError, match="not a file of plain tensors"):
        make(weights=str(path))


def test_a_malicious_file_is_not_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"conv1.weight": Bomb()}, tmp_path / "weights.pth")
    with pytest.raises(UserError, match="not a file of plain tensors"):
        make(weights="weights.pth")
    assert not (tmp_path / "bomb_went_off").exists()
