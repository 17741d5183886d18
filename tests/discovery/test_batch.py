"""Images and labels in batches of any form."""

from __future__ import annotations

from collections import OrderedDict, UserDict, namedtuple
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from pellucid.discovery.batch import find_batch
from pellucid.errors import UserError

IMAGES, LABELS = torch.rand(4, 3, 6, 6), torch.tensor([2, 0, 1, 1])
VIEW, MASKS = torch.rand(4, 3, 6, 6), torch.zeros(4, 6, 6, dtype=torch.int64)


@dataclass
class Item:
    image: Tensor
    gt_label: Tensor
    mask: Tensor | None = None


Pair = namedtuple("Pair", ["index", "img", "target"])


@pytest.mark.parametrize(
    ("batch", "images_path", "labels_path"),
    [
        ((IMAGES, LABELS), "batch[0]", "batch[1]"),
        ([IMAGES, LABELS], "batch[0]", "batch[1]"),
        ((LABELS, IMAGES), "batch[1]", "batch[0]"),
        ({"image": IMAGES, "label": LABELS}, "batch['image']", "batch['label']"),
        (UserDict(pixel_values=IMAGES, labels=LABELS), "batch['pixel_values']", "batch['labels']"),
        (OrderedDict(Label=LABELS, Image=IMAGES), "batch['Image']", "batch['Label']"),
        (Item(IMAGES, LABELS), "batch.image", "batch.gt_label"),
        (Pair(torch.arange(4), IMAGES, LABELS), "batch.img", "batch.target"),
        (((IMAGES, VIEW), LABELS, ["a", "b", "c", "d"]), "batch[0][0]", "batch[1]"),
        ([[IMAGES, LABELS], [VIEW, LABELS]], "batch[0][0]", "batch[0][1]"),
        ((IMAGES, {"target": LABELS, "index": torch.arange(4)}), "batch[0]", "batch[1]['target']"),
        ((IMAGES, LABELS[:, None]), "batch[0]", "batch[1]"),
        ({"image": IMAGES, "mask": MASKS, "label": LABELS}, "batch['image']", "batch['label']"),
        ({"depth": VIEW, "image": IMAGES, "label": LABELS}, "batch['image']", "batch['label']"),
        ((IMAGES, LABELS, torch.tensor([7, 8, 9, 10])), "batch[0]", "batch[1]"),
    ],
)  # fmt: skip
def test_images_and_labels_are_found(batch: Any, images_path: str, labels_path: str) -> None:
    found = find_batch(batch)
    assert found.images_BCHW is IMAGES
    assert found.labels_B is not None
    assert torch.equal(found.labels_B, LABELS)
    assert (found.images_path, found.labels_path) == (images_path, labels_path)


@pytest.mark.parametrize(
    "batch",
    [
        IMAGES,
        (IMAGES,),
        {"image": IMAGES},
        (IMAGES, MASKS),  # dense
        (IMAGES, torch.rand(4)),  # a regression's
        (IMAGES, torch.eye(4)[:, :3]),  # multi-hot
        {"image": IMAGES, "label": torch.tensor([[1, 0, 1], [0, 1, 0], [1, 1, 1], [0, 0, 0]])},
        {"image": IMAGES, "index": torch.arange(4)},  # a number of another name may be anything
        (IMAGES, ["cat", "dog", "cat", "dog"]),
        (IMAGES, None),
    ],
)
def test_other_things_are_no_labels(batch: Any) -> None:
    found = find_batch(batch)
    assert found.images_BCHW is IMAGES
    assert found.labels_B is None
    assert found.labels_path == ""


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_float_labels_of_two_classes_are_numbers(shape: tuple[int, ...]) -> None:
    found = find_batch({"x": IMAGES, "y": torch.tensor([0.0, 1, 1, 0]).reshape(shape)})
    assert found.labels_B is not None
    assert found.labels_B.tolist() == [0, 1, 1, 0]
    assert found.labels_B.dtype == torch.int64


def test_bytes_stay_bytes() -> None:
    pixels = (IMAGES * 255).to(torch.uint8)
    assert find_batch((pixels, LABELS)).images_BCHW is pixels


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_channels_last_are_told_with_the_remedy(channels: int) -> None:
    batch = (torch.rand(4, 6, 6, channels), LABELS)
    with pytest.raises(UserError, match=r"batch=lambda b: \(b\[0\]\.permute\(0, 3, 1, 2\), b\[1\]\)"):
        find_batch(batch)
    found = find_batch(batch, lambda b: (b[0].permute(0, 3, 1, 2), b[1]))
    assert found.images_BCHW.shape == (4, channels, 6, 6)


@pytest.mark.parametrize(
    ("batch", "said"),
    [
        ((torch.rand(4, 36), LABELS), r"found batch\[0\] \(4, 36\), batch\[1\] \(4,\)"),
        (["a", "b"], "found no tensor"),
        (None, "found no tensor"),
        ((torch.rand(4, 3, 6, 6, dtype=torch.complex64), LABELS), "found batch"),
    ],
)
def test_a_batch_without_images_is_told_with_the_remedy(batch: Any, said: str) -> None:
    with pytest.raises(UserError, match=f"{said}.*batch=lambda b: "):
        find_batch(batch)


@pytest.mark.parametrize(
    ("pick", "said"),
    [
        (lambda batch: batch[1], r"batch=…: expected images \(B, C, H, W\), got \(4,\)"),
        (lambda batch: batch["image"], r"batch=…: TypeError: .*, of a batch that is tuple"),
        (lambda batch: (IMAGES.permute(0, 2, 3, 1), LABELS), "channels last"),
    ],
)
def test_a_pick_that_does_not_fit_is_told(pick: Any, said: str) -> None:
    with pytest.raises(UserError, match=said):
        find_batch((IMAGES, LABELS), pick)


def test_what_is_picked_is_taken() -> None:
    batch = {"deep": torch.rand(4, 108), "kinds": LABELS}
    found = find_batch(batch, lambda b: (b["deep"].reshape(-1, 3, 6, 6), b["kinds"]))
    assert found.images_BCHW.shape == (4, 3, 6, 6)
    assert found.labels_B is not None
    assert torch.equal(found.labels_B, LABELS)
    alone = find_batch(batch, lambda b: b["deep"].reshape(-1, 3, 6, 6))
    assert alone.labels_B is None


def test_labels_of_several_classes_an_image_are_noted() -> None:
    several = torch.tensor([[1, 0, 1], [0, 1, 0], [1, 1, 1], [0, 0, 0]])
    for batch in ((IMAGES, several), {"image": IMAGES, "label": several.float()}):
        found = find_batch(batch)
        assert found.is_multi_hot
        assert found.labels_B is None
    assert find_batch((IMAGES, several), lambda both: both).is_multi_hot
    assert not find_batch((IMAGES, LABELS)).is_multi_hot
    assert not find_batch((IMAGES, torch.rand(4, 3))).is_multi_hot
