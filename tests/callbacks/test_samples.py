"""What the net is trained on, before the first step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pellucid.callbacks import samples as module
from pellucid.callbacks.samples import Samples
from pellucid.data.augment.pipeline import find_augment
from pellucid.errors import UserError
from tests.callbacks.scene import Pen, classifier


def test_the_first_images_of_the_first_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "paired_grid", pen := Pen())
    scene = classifier(tmp_path)
    view = Samples(count=4, figures=scene.figures)
    assert view.every_n_epochs is None
    assert scene.drawn(view, epoch=0) == ["samples/epoch_0000.png"]
    scene.host.data.augment = find_augment("shift_flip")
    scene.drawn(view, epoch=0)
    ((before, received, names), options), ((again, augmented, _), _) = pen.calls
    order = [int(value) // 5 for value in before[:, 0, 0, 0]]
    loader = scene.host.data.loader("train", shuffle=True)
    assert order == [index for index_B in loader.sampler for index in index_B.tolist()][:4]
    assert list(names) == [("cat", "dog")[index % 2] for index in order]
    assert np.array_equal(received, before), "not augmented"
    assert np.array_equal(again, before)
    assert not np.array_equal(augmented, before)
    assert options["note"].startswith("8 images, each 1 × 8 × 8 (channels × height × width)")


def test_images_that_grow_are_shown_as_the_net_receives_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "paired_grid", pen := Pen())
    scene = classifier(tmp_path)
    monkeypatch.setattr(scene.host.data, "_size_of", lambda trainer: lambda epoch: (4, 4))
    scene.drawn(Samples(count=4, figures=scene.figures), epoch=0)
    ((before, received, _), options) = pen.calls[0]
    assert (before.shape[1:3], received.shape[1:3]) == ((8, 8), (4, 4))
    assert ", in this epoch trained at 4 × 4" in options["note"]


def test_what_each_augmentation_does_is_shown_of_one_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "image_rows", pen := Pen())
    scene = classifier(tmp_path)
    view = Samples(count=4, figures=scene.figures)
    assert scene.drawn(view, epoch=0) == ["samples/epoch_0000.png"]
    scene.host.data.augment = find_augment(["crop", "color"])
    assert "samples/augmentations/epoch_0000.png" in scene.drawn(view, epoch=0)
    ((tables,), options) = pen.calls[0]
    table = tables[""]
    assert list(table) == ["crop", "color\nin 80% of draws", "all, in this order"]
    assert all(images.shape == (8, 8, 8, 3) for images in table.values())
    first = int(next(iter(scene.host.data.loader("train", shuffle=True).sampler))[0])
    assert np.array_equal(table["crop"], np.full((8, 8, 8, 3), 5 * first)), "each image is of one brightness"
    assert options["note"].startswith("one training image, 8 draws")


@pytest.mark.parametrize("count", [0, 100_000])
def test_wrong_options_are_told(tmp_path: Path, count: int) -> None:
    with pytest.raises(UserError, match=rf"callbacks\.samples\.count={count}: expected 1 to 200"):
        Samples(count=count, figures=classifier(tmp_path).figures)
