"""The command look: a net of one's own and its weights, at images of a folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pellucid.commands.look import look
from pellucid.errors import UserError
from pellucid.model.cnn import CNN
from tests.fakes import write_photos

MODEL = {"_target_": "pellucid.model.cnn.CNN", "channels": [4], "hidden": [8]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_photos(tmp_path / "photos", {"cat": 4, "dog": 4})
    return tmp_path


def net() -> CNN:
    torch.manual_seed(1)
    return CNN(image_shape=(3, 16, 16), num_classes=2, channels=[4], hidden=[8])


@pytest.mark.parametrize("prefix", ["", "model."])
def test_pictures_are_of_the_weights_in_the_file(folder: Path, prefix: str) -> None:
    state = {f"{prefix}{name}": value for name, value in net().state_dict().items()}
    torch.save({"state_dict": state, "epoch": 3} if prefix else state, folder / "net.pt")
    figures = look(
        model=MODEL,
        images=str(folder / "photos"),
        weights=str(folder / "net.pt"),
        image_size=16,
        only=["filters", "predictions"],
        out=str(folder / "out"),
        accelerator="cpu",
    )
    assert {"filters/features.0", "predictions"} <= set(figures)
    assert (folder / "out" / "predictions.png").exists()


def test_a_file_of_another_net_is_told(folder: Path) -> None:
    torch.save(
        CNN(image_shape=(3, 16, 16), num_classes=5, channels=[4], hidden=[8]).state_dict(), folder / "x.pt"
    )
    options = {"model": MODEL, "images": str(folder / "photos"), "image_size": 16, "accelerator": "cpu"}
    with pytest.raises(
        UserError, match=r"weights=.*x\.pt: this file does not fit CNN. Of another shape: head"
    ):
        look(**options, weights=str(folder / "x.pt"))  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"weights=.*none\.pt: there is no such file"):
        look(**options, weights=str(folder / "none.pt"))  # type: ignore[arg-type]


def test_an_image_size_that_is_none_is_told(folder: Path) -> None:
    with pytest.raises(UserError, match=r"image_size=0: expected 1 to"):
        look(model=MODEL, images=str(folder / "photos"), image_size=0)


def test_folders_of_other_names_than_classes_are_told(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    figures = look(
        model=MODEL,
        images=str(folder / "photos"),
        classes=["oak", "elm"],
        image_size=16,
        only=["predictions", "confusion"],
        out=str(folder / "out"),
        accelerator="cpu",
    )
    assert list(figures) == ["predictions"], "no mistakes, as no class is known"
    assert "classes=[oak,elm]: the images lie in folders of other names (cat, dog)" in caplog.text
