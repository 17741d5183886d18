"""Lists of image files as data sets, with the options that all such have."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from PIL import Image, ImageOps

from pellucid.data.image_folder import ImageFolder
from pellucid.data.photo_data import PhotoData
from pellucid.data.pictures import Pictures
from pellucid.data.table import Table
from pellucid.errors import UserError
from pellucid.spec import FITS, Spec, prepare
from tests.data.photos import turned
from tests.fakes import write_photos


@pytest.fixture
def bands(tmp_path: Path) -> Path:
    """Arrays of five channels in two class folders, and a table that lists them."""
    noise, lines = np.random.default_rng(0), ["file,kind"]
    for kind in ("water", "wood"):
        (tmp_path / "root" / kind).mkdir(parents=True)
        for k in range(12):
            name = f"{kind}/{k}.npy"
            np.save(tmp_path / "root" / name, noise.integers(0, 4000, (16, 24, 5), np.uint16))
            lines.append(f"{name},{kind}")
    (tmp_path / "root" / "labels.csv").write_text("\n".join(lines))
    return tmp_path / "root"


def test_a_folder_and_a_table_of_the_same_arrays_are_the_same(bands: Path, tmp_path: Path) -> None:
    given: Mapping[str, Any] = {"image_size": [8, 12], "cache": str(tmp_path / "cache")}
    pair: list[PhotoData] = [
        ImageFolder(root=str(bands), **given),
        Table(path=str(bands / "labels.csv"), label="kind", **given),
    ]
    for data in pair:
        data.setup()
    folder, table = pair
    assert folder.spec == table.spec
    assert folder.spec.image_shape == (5, 8, 12)
    for name in ("train", "val", "test"):
        ours, theirs = folder.splits[name], table.splits[name]
        assert sorted(ours.files) == sorted(theirs.files)
        order = [theirs.files.index(file) for file in ours.files]
        assert ours.images().equal(theirs.images()[order])


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"channels": 0}, "data.channels=0: expected auto, or 1 to"),
        ({"value_range": [5, 1]}, r"data.value_range=\[5, 1\]: expected auto or"),
        ({"bands": [0, 1]}, r"data.bands=\[0, 1\]: expected auto, one channel or three"),
    ],
)
def test_options_that_do_not_fit(options: Mapping[str, Any], text: str, tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", {"oak": 3, "elm": 3})
    with pytest.raises(UserError, match=text):
        ImageFolder(root=str(tmp_path / "photos"), **options)


def test_what_cannot_be_read_is_counted(tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", {"oak": 12, "elm": 12})
    (tmp_path / "photos" / "oak" / "broken.jpg").write_bytes(b"no photo")
    data = ImageFolder(root=str(tmp_path / "photos"), image_size=8, cache=str(tmp_path / "cache"))
    data.setup()
    assert data.left_out == 1
    assert sum(len(split) for split in data.splits.values()) == 24


# --- whole photos ------------------------------------------------------------------------------


@pytest.fixture
def long(tmp_path: Path) -> Path:
    """Photos that are longer than high or higher than long, some turned by EXIF, in two class folders."""
    random = np.random.default_rng(0)
    for kind in ("oak", "elm"):
        (tmp_path / "long" / kind).mkdir(parents=True)
        for k in range(12):
            small = Image.fromarray(random.integers(0, 256, (5, 9, 3), dtype=np.uint8))
            image = small.resize([(90, 50), (50, 90), (60, 60)][k % 3], Image.Resampling.BICUBIC)
            image.save(tmp_path / "long" / kind / f"{k}.png", exif=turned(6 if k % 4 == 0 else 1))
    return tmp_path / "long"


def folder(root: Path, **given: Any) -> ImageFolder:
    return ImageFolder(
        root=str(root),
        **{"image_size": 28, "cache": str(root.parent / "cache"), "batch_size": 4, **given},
    )


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", [28, [14, 28]])
def test_a_file_is_seen_bitwise_as_it_is_in_its_split(long: Path, fit: str, size: int | list[int]) -> None:
    data = folder(long, fit=fit, image_size=size)
    data.setup()
    again = folder(long, fit=fit, image_size=size)
    again.conform(Spec.from_dict(data.spec.to_dict()))
    again.setup()  # from the cache
    for name, split in data.splits.items():
        files = [long / file for file in split.files]
        pictures = Pictures(files, data.spec.image_shape, data.spec.values, data.spec.fit)
        pixels_NCHW = torch.cat([pixels_BCHW for _, pixels_BCHW in pictures.batches(5)])
        assert torch.equal(split.images(), pixels_NCHW)
        assert torch.equal(again.splits[name].images(), pixels_NCHW)
    assert all(split.is_whole == (fit == "crop") for split in data.splits.values())
    assert data.fingerprint() == again.fingerprint()


def test_runs_of_before_get_the_images_that_they_had(long: Path) -> None:
    data = folder(long)
    then = {**data.spec.to_dict(), "crop": 1.0}
    del then["fit_mode"]  # it was not known
    data.conform(Spec.from_dict(then))
    data.setup()
    split = data.splits["train"]
    assert not split.is_whole
    assert data.loader("train", shuffle=True, augmented=True).augment.crop, "within what a net sees, as then"
    for file, pixels_CHW in zip(split.files, split.images(), strict=True):
        upright = ImageOps.exif_transpose(Image.open(long / file))
        square = ImageOps.fit(upright, (28, 28), Image.Resampling.BILINEAR)
        assert np.array_equal(pixels_CHW.numpy(), np.asarray(square).transpose(2, 0, 1))


def test_crops_are_cut_from_the_whole_photo(tmp_path: Path) -> None:
    """From dark on the left to bright on the right: what is beyond the square at the centre is seen, too."""
    ramp = np.repeat(np.linspace(0, 255, 96)[None, :, None], 32, axis=0).repeat(3, axis=2).astype(np.uint8)
    for kind in ("oak", "elm"):
        (tmp_path / "in" / kind).mkdir(parents=True)
        for k in range(20):
            ramp[:, :, 2] = k if kind == "oak" else 255 - k
            Image.fromarray(ramp).save(tmp_path / "in" / kind / f"{k}.png")
    data = folder(tmp_path / "in", augment="crop")
    data.setup()
    seen = data.spec.denormalise(next(iter(data.loader("train")))[0])[:, 0] * 255
    assert float(seen.min()) > 80
    assert float(seen.max()) < 175
    loader = data.loader("train", shuffle=True, augmented=True)
    shown = data.spec.denormalise(torch.cat([images for images, _ in loader]))[:, 0] * 255
    assert shown.shape[1:] == (28, 28)
    assert float(shown.min()) < 20
    assert float(shown.max()) > 235
    breadth = (shown[:, 14, 27] - shown[:, 14, 0]) / 255 * 96 * 28 / 27  # pixels of the photo's
    assert 0.3**0.5 * 24 < float(breadth.min()) < float(breadth.max()) < 44, "ratios are those of pixels"


def test_crops_are_a_function_of_seed_and_epoch(long: Path) -> None:
    def epoch(number: int, seed: int = 0, **given: Any) -> torch.Tensor:
        data = folder(long, seed=seed, val_fraction=0.2, **given)
        data.setup()
        loader = data.loader("train", augmented=True)
        loader.sampler.set_epoch(number)
        return torch.cat([images for images, _ in loader])

    assert torch.equal(epoch(3), epoch(3))
    torch.testing.assert_close(epoch(3), epoch(3, batch_size=7))
    assert not torch.equal(epoch(3), epoch(4))


@pytest.mark.parametrize(("fit", "augment"), [("crop", "none"), ("crop", "flip"), ("pad", "none")])
def test_without_a_crop_training_images_are_those_that_are_evaluated(
    long: Path, fit: str, augment: str
) -> None:
    data = folder(long, fit=fit, augment=augment)
    data.setup()
    images = torch.cat([batch[0] for batch in data.loader("train", augmented=True)])
    seen = prepare(data.splits["train"].images(), data.spec)
    same = (images == seen).flatten(1).all(dim=1) | (images == seen.flip(-1)).flatten(1).all(dim=1)
    assert bool(same.all())


def test_training_images_grow_and_others_do_not(long: Path) -> None:
    for augment in ("crop_flip", "none"):
        data = folder(long, train_size=[14, 28], augment=augment)
        data.setup()
        data.trainer = Trainer(max_epochs=3, logger=False, barebones=True)
        loader, sizes = data.train_dataloader(), []
        for epoch in range(3):
            loader.sampler.set_epoch(epoch)
            sizes.append(next(iter(loader))[0].shape[2:])
        assert sizes == [(14, 14), (24, 24), (28, 28)]
        assert next(iter(data.val_dataloader()))[0].shape[2:] == (28, 28)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"fit": "zoom"}, r"data\.fit=zoom: expected crop, pad or squash"),
        ({"train_size": [14]}, r"data\.train_size=\[14\]: expected the pixels a side in the first"),
        ({"train_size": [14, 64]}, r"data\.train_size=\[14,64\]: expected 1 to 28 pixels"),
    ],
)
def test_options_of_photos_that_do_not_fit(long: Path, options: Mapping[str, Any], text: str) -> None:
    with pytest.raises(UserError, match=text):
        folder(long, **options).setup()


def test_features_that_are_computed_once_do_not_grow(long: Path) -> None:
    data = folder(long, train_size=[14, 28])
    with pytest.raises(UserError, match=r"^data\.train_size=\[14,28\]: features of the frozen layers"):
        data.remember(torch.nn.Flatten(), 1)
    data.remember(torch.nn.Flatten(), 0)  # they are new in each epoch


def test_of_photos_with_numbers_nothing_is_cut_off(long: Path) -> None:
    files = sorted(long.rglob("*.png"))
    lines = [f"{file.relative_to(long)},{number / 3}" for number, file in enumerate(files)]
    (long / "labels.csv").write_text("\n".join(["file,age", *lines]))
    data = Table(path=str(long / "labels.csv"), label="age", cache=str(long.parent / "cache"))
    assert (data.spec.fit_mode, data.spec.crop) == ("crop", 1.0)
    assert folder(long).spec.crop == 0.875
