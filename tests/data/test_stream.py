"""Images a batch at a time, of a split or of files alike."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from pellucid.data.images import Split
from pellucid.data.stream import of_files, of_split
from pellucid.errors import UserError
from pellucid.inside.images import UNKNOWN
from pellucid.spec import Spec
from tests.data.build import make
from tests.helpers import unprivileged


def test_what_is_made_of_all_images_begins_without_a_closed_folder(closed: Path) -> None:
    spec = Spec((3, 8, 8), ("cat", "dog"), (0.0,), (1.0,), "")
    with pytest.raises(UserError, match="secret may not be listed or entered"):
        unprivileged(lambda: of_files(str(closed), spec, "images"))


def test_a_split_and_files_give_the_same(tmp_path: Path) -> None:
    spec = Spec((1, 2, 2), ("cat", "dog"), (0.0,), (1.0,), "")
    pixels_BCHW = torch.tensor([10, 20, 30], dtype=torch.uint8).view(3, 1, 1, 1).expand(3, 1, 2, 2)
    files = [tmp_path / name for name in ("cat/a.png", "dog/b.png", "eel/c.png")]
    for path, image in zip(files, pixels_BCHW, strict=True):
        path.parent.mkdir()
        Image.fromarray(image[0].numpy()).save(path)
    stream = of_files(str(tmp_path), spec, "images")
    assert (stream.count, stream.steps(2)) == (3, 2)
    next(stream.batches(2))  # given up
    for _ in range(2):  # from the first one, each time
        one, other = stream.batches(2)
        assert torch.equal(torch.cat([one.pixels_BCHW, other.pixels_BCHW]), pixels_BCHW)
        assert stream.labels == [0, 1, UNKNOWN], "of the folders that are classes"
    assert stream.files == [str(path) for path in files]
    assert stream.description == f"3 images of {tmp_path}"
    assert torch.equal(stream.again([2, 0]), pixels_BCHW[[2, 0]])

    data = make("digits")
    data.splits = {"test": Split.whole(pixels_BCHW.contiguous(), torch.tensor([0, 1, 1]), ["a", "b", "c"])}
    data.source = "somewhere"
    split = of_split(data, "test")
    assert [len(images) for images in split.batches(2)] == [2, 1]
    assert (split.files, split.labels) == (["a", "b", "c"], [0, 1, 1])
    assert split.description == "3 test images of somewhere"
    assert torch.equal(split.again([2, 0]), pixels_BCHW[[2, 0]])


def test_files_that_cannot_be_read_are_passed_over_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spec = Spec((1, 2, 2), ("cat", "dog"), (0.0,), (1.0,), "")
    (tmp_path / "a.png").write_bytes(b"no image")
    stream = of_files(str(tmp_path), spec, "data.root")
    with pytest.raises(UserError, match=r"data\.root=.*: 1 file, no image that can be read \(damaged"):
        list(stream.batches(2))
    for name, grey in (("b", 7), ("c", 9)):
        Image.new("L", (2, 2), grey).save(tmp_path / f"{name}.png")
    stream = of_files(str(tmp_path), spec, "images")
    assert [len(images) for images in stream.batches(2)] == [2]
    assert "1 of 3 files cannot be read" in caplog.text
    assert torch.equal(stream.again([1]), torch.full((1, 1, 2, 2), 9)), "numbered as they came"
