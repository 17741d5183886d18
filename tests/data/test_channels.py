"""Many channels: how many, over which values, and how they are shown."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from pellucid.commands.evaluate import evaluate
from pellucid.commands.explain.explain import explain
from pellucid.commands.predict import predict
from pellucid.commands.units import units
from pellucid.data.channels import check_bands, find_channels, look, principal_components
from pellucid.draw.sheet import rgb
from pellucid.engine.loaded_run import restore
from pellucid.errors import UserError
from pellucid.inside.pixels import pixels
from tests.commands.export.runs import run_export
from tests.data.build import make, read
from tests.helpers import make_run

BANDS = 13
SCALE = np.linspace(30, 5000, BANDS)  # the values of each channel reach as far


def write_bands(root: Path, count: int = 12, *, channels: int = BANDS, seed: int = 0) -> Path:
    """Class folders of arrays (C, 20, 30) and (20, 30, C) of uint16; each class with stripes of its own."""
    random = np.random.default_rng(seed)
    for place, name in enumerate(("field", "lake")):
        (root / name).mkdir(parents=True)
        for number in range(count):
            stripes = 0.5 + 0.4 * np.sin(np.arange(30) / (1 + 3 * place) + random.uniform(0, 6))
            mixed_CHW = SCALE[:channels, None, None] * stripes * random.uniform(0.6, 1, (channels, 20, 30))
            array = mixed_CHW.astype(np.uint16)
            np.save(root / name / f"{number:02d}.npy", array if number % 2 else array.transpose(1, 2, 0))
    return root


def write_pages(path: Path, pages: list[NDArray[Any]], **options: Any) -> Path:
    first, *others = (Image.fromarray(page) for page in pages)
    first.save(path, save_all=True, append_images=others, **options)
    return path


def test_the_number_of_channels_is_found(tmp_path: Path) -> None:
    arrays = sorted(write_bands(tmp_path / "a").rglob("*.npy"))
    assert find_channels(tmp_path / "a", arrays) == BANDS
    page = np.zeros((6, 8), np.uint16)
    assert find_channels(tmp_path, [write_pages(tmp_path / "five.tif", [page] * 5)]) == 5
    assert find_channels(tmp_path, [write_pages(tmp_path / "one.tif", [page])]) == 3  # a photo in grey
    colours = [np.zeros((6, 8, 3), np.uint8)] * 2
    assert find_channels(tmp_path, [write_pages(tmp_path / "film.tif", colours)]) == 3
    (tmp_path / "broken.npy").write_bytes(b"\x93NUMPY")
    assert find_channels(tmp_path, [tmp_path / "broken.npy"]) == 3


def test_different_numbers_of_channels_are_one_paragraph(tmp_path: Path) -> None:
    write_bands(tmp_path / "data", 6)
    for path in sorted((tmp_path / "data" / "lake").iterdir())[:3]:
        np.save(path, np.zeros((9, 9, 4)))
    with pytest.raises(
        UserError, match=r"different numbers of channels \(13 channels: .*; 4 channels: lake/00"
    ):
        make("image_folder", root=str(tmp_path / "data"))


def test_one_file_of_another_number_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = write_bands(tmp_path / "data")
    np.save(root / "lake" / "99.npy", np.zeros((9, 9, 4)))
    data = read("image_folder", root=str(root), cache=str(tmp_path / "cache"), image_size=[10, 15])
    assert data.left_out == 1
    assert "lake/99.npy (an array 9 × 9 × 4; expected 13 channels)" in caplog.text
    assert data.splits["train"].store.shape[1:] == (BANDS, 10, 15)


def test_each_channel_has_its_own_range_and_statistics(tmp_path: Path) -> None:
    root = write_bands(tmp_path / "data", 20)
    data = read("image_folder", root=str(root), cache=str(tmp_path / "cache"), image_size=[20, 30])
    highest = np.array(data.spec.values).reshape(BANDS, 2)[:, 1]
    assert np.allclose(highest, SCALE * 0.9, rtol=0.1)
    kept = torch.cat([split.images() for split in data.splits.values()]).double() / 255
    assert torch.allclose(kept.mean(dim=(0, 2, 3)), torch.tensor(data.spec.mean).double(), atol=0.01)
    assert torch.allclose(kept.std(dim=(0, 2, 3)), torch.tensor(data.spec.std).double(), atol=0.01)
    assert kept.amax(dim=(0, 2, 3)).min() > 0.98  # also the channel that reaches 30 has all steps
    assert data.spec.statistics == "40 of its 40 images, before they are split"
    again = make("image_folder", root=str(root)).spec
    assert (again.bands, again.values) == (data.spec.bands, data.spec.values)


def test_a_range_is_taken_as_it_is_given(tmp_path: Path) -> None:
    files = sorted(write_bands(tmp_path / "data", channels=2).rglob("*.npy"))
    known = look(files, 2, of="files", value_range=[0, 100, 0, 1000], bands="auto")
    assert known.values == (0, 100, 0, 1000)
    assert known.bands == (0, 1, 0)
    with pytest.raises(UserError, match=r"or as much for each of 13 channels"):
        make("image_folder", root=str(write_bands(tmp_path / "more")), value_range=[0, 1, 2])


def test_bytes_are_kept_as_they_are(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    array = np.random.default_rng(0).integers(0, 256, (8, 8, 5)).astype(np.uint8)
    np.save(tmp_path / "a.npy", array)
    known = look([tmp_path / "a.npy"], 5, of="files", value_range="auto", bands=[4, 0, 1])
    assert known.values == ()
    assert known.bands == (4, 0, 1)
    assert np.allclose(known.mean, array.mean(axis=(0, 1)) / 255, atol=0.05)
    assert not caplog.text
    look([tmp_path / "a.npy"], 5, of="files", value_range=[0, 9], bands="auto")
    assert "data.value_range is not used" in caplog.text


def test_values_that_are_no_numbers_do_not_count(tmp_path: Path) -> None:
    values = np.linspace(0, 1, 2 * 40 * 40, dtype=np.float32).reshape(2, 40, 40)
    values[0, ::2] = np.nan
    values[1, 1] = np.inf
    np.save(tmp_path / "a.npy", values)
    known = look([tmp_path / "a.npy"], 2, of="files", value_range="auto", bands="auto")
    assert np.isfinite([*known.values, *known.mean, *known.std]).all()


def test_principal_components_by_hand() -> None:
    """Two channels that go together and a third that is alone: brightness of the two first, as red."""
    random = np.random.default_rng(0)
    both, alone = random.normal(size=(2, 4000))
    levels_PC = 0.5 + 0.1 * np.stack([both, both, 0.5 * alone], axis=1)
    bands = principal_components(levels_PC, levels_PC.mean(axis=0), levels_PC.std(axis=0))
    shown_PC = rgb(levels_PC, bands)
    assert np.corrcoef(shown_PC[:, 0], both)[0, 1] > 0.99
    assert np.corrcoef(shown_PC[:, 1], alone)[0, 1] > 0.99
    assert np.allclose(shown_PC[:, 2], 0.5)  # there is no third
    assert np.allclose(shown_PC[:, :2].mean(axis=0), 0.5, atol=0.01)
    assert np.allclose(shown_PC[:, :2].std(axis=0), 0.2, atol=0.01)  # 2.5 deviations each way


@pytest.mark.parametrize(
    ("bands", "channels"), [([0, 13, 1], 13), ([1, 2], 13), ("all", 13), ("pca", 3), ([-1], 2), ([], 4)]
)
def test_bands_that_are_not_there(bands: Any, channels: int) -> None:
    with pytest.raises(UserError, match=f"expected auto, one channel or three .* from 0 to {channels - 1}"):
        check_bands(bands, channels)


def test_transparency_is_a_channel_where_it_is_asked_for(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(9):
            glass = random.integers(0, 256, (8, 8, 4)).astype(np.uint8)
            Image.fromarray(glass).save(tmp_path / "data" / name / f"{number}.png")
    data = read(
        "image_folder", root=str(tmp_path / "data"), channels=4, image_size=8, cache=str(tmp_path / "cache")
    )
    assert data.spec.image_shape == (4, 8, 8)
    assert data.spec.bands == (0, 1, 2)
    with Image.open(tmp_path / "data" / data.splits["train"].files[0]) as image:
        expected = np.asarray(image).transpose(2, 0, 1)
    assert np.array_equal(data.splits["train"].images()[0].numpy(), expected)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bands")
    root = write_bands(folder / "data", 20)
    data = ["data=image_folder", f"data.root={root}", f"data.cache={folder / 'cache'}"]
    net = ["model=cnn", "model.channels=[8]", "model.hidden=[16]", "data.image_size=[20,30]"]
    return make_run(folder / "run", *net, *data, "callbacks=default", "report=true")


def test_every_view_and_the_page_say_how_channels_are_shown(run: Path) -> None:
    drawn = {path.parent.name for path in (run / "figures").rglob("*.png")}
    assert {"samples", "predictions", "explanations", "film_strip", "features.0"} <= drawn
    assert "of 13 × 20 × 30, 2 classes. In pictures: the first 3 principal components of 13 channels." in (
        (run / "report.html").read_text()
    )


@pytest.mark.slow
def test_every_command_takes_them(run: Path, tmp_path: Path) -> None:
    data = restore(run).data()
    assert data.spec == restore(run).spec
    shown = pixels(data.spec, data.splits["test"].images())
    assert shown.shape[1:] == (20, 30, 3)
    assert shown.std(axis=(0, 1, 2)).min() > 10
    quiet: dict[str, Any] = {"accelerator": "cpu", "out": str(tmp_path)}
    assert evaluate(str(run), accelerator="cpu", out=str(tmp_path))
    one = Path(data.folder.root) / data.splits["test"].files[0]  # type: ignore[attr-defined]
    saliency = {"saliency": {"_target_": "pellucid.explainer.saliency.Saliency"}}
    explain(str(run), images=str(one), explainer=saliency, **quiet)
    units(str(run), units=[0], steps=2, **quiet)
    (row,) = predict(str(run), images=str(one), **quiet)
    model = run_export(run, out=str(tmp_path))
    line = [sys.executable, "-W", "error", "onnx_predict.py", model.name, str(one)]
    done = subprocess.run(line, cwd=model.parent, capture_output=True, text=True, check=True)
    name, share = done.stdout.split()
    assert name == row["class"]
    assert float(share) == pytest.approx(row["confidence"], abs=1e-4)
