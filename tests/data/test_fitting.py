"""How an image is brought to a net's size: pixel by pixel as torchvision does it, or as it was before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps
from torchvision import transforms

from pellucid.data.decode import decode
from pellucid.data.fitting import MAX_ASPECT, check_fit, covered, whole_size
from pellucid.errors import UserError
from pellucid.spec import FITS, Fit, Size
from tests.data.photos import BLUE, RED, halves, noise, turned

CROPPED = Fit(crop=0.875, mode="crop")


@pytest.mark.parametrize("shape", [(40, 40), (32, 45), (45, 33), (64, 65), (61, 180)])
@pytest.mark.parametrize("resample", ["bilinear", "bicubic"])
def test_cropped_as_torchvision_resizes_and_crops(
    tmp_path: Path, shape: tuple[int, int], resample: str
) -> None:
    image = Image.fromarray(noise(*shape, 3))
    image.save(tmp_path / "a.png")
    mode = getattr(transforms.InterpolationMode, resample.upper())
    usual = transforms.Compose([transforms.Resize(round(28 / 0.875), mode), transforms.CenterCrop(28)])
    pixels = decode(tmp_path / "a.png", 28, fit=Fit(resample, 0.875, "crop"))
    assert np.array_equal(pixels, np.asarray(usual(image)).transpose(2, 0, 1))


@pytest.mark.parametrize("shape", [(28, 28), (30, 45), (45, 31), (5, 9)])
def test_a_small_photo_is_not_enlarged_to_be_cut(tmp_path: Path, shape: tuple[int, int]) -> None:
    image = Image.fromarray(noise(*shape, 3))
    image.save(tmp_path / "a.png")
    usual = transforms.Compose([transforms.Resize(max(28, min(shape))), transforms.CenterCrop(28)])
    pixels = decode(tmp_path / "a.png", 28, fit=CROPPED)
    assert np.array_equal(pixels, np.asarray(usual(image)).transpose(2, 0, 1))
    if shape == (28, 28):
        assert np.array_equal(pixels, np.asarray(image).transpose(2, 0, 1)), "bitwise as it is in the file"


def test_what_is_seen_is_the_centre_of_what_is_kept(tmp_path: Path) -> None:
    Image.fromarray(noise(30, 50, 3)).save(tmp_path / "a.png")
    whole = decode(tmp_path / "a.png", 14, fit=CROPPED, whole=True)
    assert whole.shape == (3, 16, 26)
    assert np.array_equal(whole[:, 1:15, 6:20], decode(tmp_path / "a.png", 14, fit=CROPPED))


@pytest.mark.parametrize("crop", [1.0, 0.875])
def test_runs_of_before_see_what_they_saw(tmp_path: Path, crop: float) -> None:
    image = Image.fromarray(noise(30, 50, 3))
    image.save(tmp_path / "a.png")
    before = ImageOps.fit(image, (14, 14), Image.Resampling.BILINEAR, (1 - crop) / 2)
    pixels = decode(tmp_path / "a.png", 14, fit=Fit("bilinear", crop))
    assert np.array_equal(pixels, np.asarray(before).transpose(2, 0, 1))


def test_squashed_all_is_seen_without_its_proportions(tmp_path: Path) -> None:
    halves((60, 20)).save(tmp_path / "a.png")
    pixels = decode(tmp_path / "a.png", 16, fit=Fit(mode="squash"))
    assert pixels.shape == (3, 16, 16)
    assert tuple(pixels[:, 8, 0]) == RED
    assert tuple(pixels[:, 8, -1]) == BLUE


@pytest.mark.parametrize(("size", "seen"), [((60, 20), (5, 16)), ((20, 60), (16, 5)), ((20, 20), (16, 16))])
def test_padded_all_is_seen_on_the_mean_colour(
    tmp_path: Path, size: tuple[int, int], seen: tuple[int, int]
) -> None:
    Image.new("RGB", size, RED).save(tmp_path / "a.png")
    pixels = decode(tmp_path / "a.png", 16, fit=Fit(mode="pad", fill=(1, 2, 3)))
    is_photo = (pixels == np.array(RED)[:, None, None]).all(axis=0)
    assert (is_photo.any(axis=1).sum(), is_photo.any(axis=0).sum()) == seen
    assert (pixels[:, ~is_photo] == np.array([[1], [2], [3]])).all()
    above, left = np.argwhere(is_photo)[0]
    assert (above, left) == ((16 - seen[0]) // 2, (16 - seen[1]) // 2), "at the centre"


@pytest.mark.parametrize("shape", [(20, 200), (200, 20), (10, 100), (1, 50), (50, 1)])
def test_of_a_panorama_the_middle_is_kept(tmp_path: Path, shape: tuple[int, int]) -> None:
    pixels = np.zeros((*shape, 3), np.uint8)
    along = np.linspace(0, 255, max(shape)).astype(np.uint8)
    pixels[:] = along[None, :, None] if shape[0] < shape[1] else along[:, None, None]
    Image.fromarray(pixels).save(tmp_path / "a.png")
    kept = decode(tmp_path / "a.png", 14, fit=CROPPED, whole=True)
    side = 16 if min(shape) > 16 else 14
    assert sorted(kept.shape[1:]) == [side, side * MAX_ASPECT]
    share = MAX_ASPECT * min(shape) / max(shape)
    assert abs(int(np.ptp(kept)) - 255 * share) < 15, "as much of it, at the scale of the shorter side"
    assert abs(kept.mean() - 127) < 3, "the middle"
    seen = decode(tmp_path / "a.png", 14, fit=CROPPED)
    assert abs(seen.mean() - 127) < 4


@pytest.mark.parametrize("size", [(16, 24), (24, 16), (16, 16)])
@pytest.mark.parametrize("shape", [(40, 30), (30, 40), (17, 90)])
def test_the_whole_covers_any_size(size: tuple[int, int], shape: tuple[int, int]) -> None:
    high, wide = covered(*size, CROPPED)
    (height, width), rest = whole_size(*shape, high, wide)
    assert height >= high
    assert width >= wide
    assert height == high or width == wide
    assert min(rest) == 0


def test_a_photo_is_turned_upright_before(tmp_path: Path) -> None:
    halves((60, 20)).save(tmp_path / "a.png", exif=turned(6))
    for fit in (CROPPED, Fit(mode="squash")):
        pixels = decode(tmp_path / "a.png", 16, fit=fit)
        assert tuple(pixels[:, 1, 8]) == RED
        assert tuple(pixels[:, 14, 8]) == BLUE
    assert decode(tmp_path / "a.png", 14, fit=CROPPED, whole=True).shape == (3, 48, 16)


@pytest.mark.parametrize("fit", [Fit(crop=0.875, mode="crop"), Fit(mode="pad"), Fit(mode="squash")])
@pytest.mark.parametrize("size", [8, (8, 12)])
def test_images_of_every_kind_come_at_the_size(tmp_path: Path, fit: Fit, size: Size) -> None:
    deep = noise(9, 30).astype(np.uint16) * 257
    kinds: dict[str, tuple[Any, int]] = {
        "grey.png": (Image.fromarray(noise(9, 30)), 3),
        "deep.png": (Image.fromarray(deep), 3),
        "glass.png": (Image.fromarray(noise(9, 30, 4)), 4),
        "one.png": (Image.fromarray(noise(9, 30, 3)), 1),
        "palette.png": (Image.fromarray(noise(9, 30)).convert("P"), 3),
    }
    for name, (image, channels) in kinds.items():
        image.save(tmp_path / name)
        pixels = decode(tmp_path / name, size, fit=on_ground(fit, channels), channels=channels)
        assert pixels.shape == (channels, *((size, size) if isinstance(size, int) else size)), name
        assert np.ptp(pixels) > 20, name
    pages = [Image.fromarray(noise(9, 30) // (page + 1)) for page in range(4)]
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:])
    pixels = decode(tmp_path / "pages.tif", size, fit=on_ground(fit, 4), channels=4)
    middle = pixels[:, :, 2:-2].reshape(4, -1).max(axis=1)
    assert (np.diff(middle.astype(int)) < 0).all(), "each page is a channel"


def on_ground(fit: Fit, channels: int) -> Fit:
    return replace(fit, fill=(0,) * channels)


def test_an_unknown_fit_is_told_with_the_choices() -> None:
    for fit in FITS:
        check_fit(fit)
    for unknown in ("centre", "zoom", None, 1):
        with pytest.raises(UserError, match=rf"^data\.fit={unknown}: expected crop, pad or squash\.$"):
            check_fit(unknown)
