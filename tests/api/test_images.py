"""Images of a split: each class in turn, at the net's size."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pellucid.api.images import MAX_DRAWN, Images, images_of
from pellucid.errors import UserError
from tests.data.build import read


def test_classes_take_turns() -> None:
    data = read("digits")
    found = images_of(data, "test", 30, 0, title="digits")
    assert torch.bincount(found.labels).tolist() == [3] * 10
    assert [row["class"] for row in found.rows] == [str(label) for label in found.labels.tolist()]
    chosen = data.splits["test"].files.index(found.rows[4]["file"])
    assert torch.equal(found.pixels[4], data.splits["test"].images(torch.tensor([chosen]))[0])
    assert repr(found) == f"30 of 359 test images of {data.source}"
    assert torch.equal(images_of(data, "test", 30, 0, title="digits").labels, found.labels)


def test_more_than_are_drawn() -> None:
    found = images_of(read("digits"), "train", MAX_DRAWN + 1, 0, title="digits")
    assert len(found) == MAX_DRAWN + 1
    assert list(found.figures) == ["images"]


def test_what_is_no_picture_is_not_written(tmp_path: Path) -> None:
    images = Images("two channels", [{"file": "a", "class": "b"}], pixels=torch.zeros(1, 2, 4, 4))
    with pytest.raises(UserError, match="images of 2 channels are no PNG files"):
        images.save(tmp_path / "images")
