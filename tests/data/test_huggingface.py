"""Data sets of Hugging Face: folders of every kind, columns by their types, and what is told of bad ones."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import datasets
import huggingface_hub
import numpy as np
import pytest
import torch
from PIL import Image

from pellucid.data import huggingface, item_data
from pellucid.data.huggingface import HuggingFace
from pellucid.errors import UserError
from pellucid.spec import MULTILABEL, NUMBERS
from tests.data.own_sets import digits, rows
from tests.fakes import write_photos

unreachable = huggingface._unreachable


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is known from other tests, and the library keeps what it makes in the test's folder."""
    monkeypatch.setattr(item_data, "_known", {})
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface, "_unreachable", lambda hub: "")


@pytest.fixture(autouse=True)
def bars() -> Iterator[None]:
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


def parts() -> Any:
    return datasets.DatasetDict({"train": rows(0, 250), "validation": rows(250, 320), "test": rows(320, 400)})


def read(**options: Any) -> HuggingFace:
    data = HuggingFace(**options)
    data.setup()
    return data


def write_parquet(folder: Path, sets: Any) -> None:
    (folder / "data").mkdir(parents=True)
    for name, dataset in sets.items():
        dataset.to_parquet(str(folder / "data" / f"{name}-00000-of-00001.parquet"))


@pytest.mark.parametrize("kind", ["saved", "parquet"])
def test_a_folder_with_splits(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "folder"
    parts().save_to_disk(str(folder)) if kind == "saved" else write_parquet(folder, parts())
    data = read(path=str(folder))
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 250, "val": 70, "test": 80}
    for begin, name in ((0, "train"), (250, "val"), (320, "test")):
        split = data.splits[name]
        end = begin + len(split)
        assert np.array_equal(split.images()[:, 0].numpy(), digits()[0][begin:end])
        assert split.labels_N.tolist() == digits()[1][begin:end].tolist()
    assert data.spec.classes == tuple("0123456789")
    assert data.source == str(folder)


@pytest.mark.parametrize("channels", [4, 13])
def test_images_may_be_arrays(tmp_path: Path, channels: int) -> None:
    pixels_NCHW = np.random.default_rng(0).integers(0, 255, (60, channels, 8, 8), np.uint8)
    features = datasets.Features(
        {
            "fields": datasets.Array3D((channels, 8, 8), "uint8"),
            "label": datasets.ClassLabel(names=["corn", "rye"]),
        }
    )
    columns = {"fields": list(pixels_NCHW), "label": [index % 2 for index in range(60)]}
    dataset = datasets.Dataset.from_dict(columns, features=features)
    sets = {"train": dataset.select(range(54)), "test": dataset.select(range(54, 60))}
    write_parquet(tmp_path, datasets.DatasetDict(sets))
    data = read(path=str(tmp_path), bands=[2, 1, 3])
    assert data.spec.bands == (2, 1, 3)
    assert np.array_equal(data.splits["test"].images().numpy(), pixels_NCHW[54:])
    assert data.splits["test"].labels_N.tolist() == [0, 1] * 3


def test_images_in_folders(tmp_path: Path) -> None:
    write_photos(tmp_path / "photos" / "train", {"elm": 20, "oak": 20})
    write_photos(tmp_path / "photos" / "test", {"elm": 5, "oak": 5}, seed=1)
    data = read(path=str(tmp_path / "photos"), image_size=24)
    assert data.spec.classes == ("elm", "oak")
    assert len(data.splits["test"]) == 10
    assert data.splits["train"].store.shape == (40, 3, 24, 24)


def test_one_split_is_divided_by_ours(tmp_path: Path) -> None:
    rows(0, 400).save_to_disk(str(tmp_path / "one"))
    parts().save_to_disk(str(tmp_path / "three"))
    assert {*read(path=str(tmp_path / "one")).splits} == {"train", "val", "test"}
    chosen = read(path=str(tmp_path / "three"), split="train")
    assert sum(map(len, chosen.splits.values())) == 250


def test_columns_of_other_types_are_found_by_their_names_or_pinned(tmp_path: Path) -> None:
    rows(0, 300, names=(), label="target").save_to_disk(str(tmp_path / "named"))
    assert read(path=str(tmp_path / "named")).spec.classes == tuple("0123456789")
    rows(0, 300, names=(), label="kind").save_to_disk(str(tmp_path / "other"))
    with pytest.raises(UserError, match=r"no label column. It has number \(Value\), picture \(Image\), kind"):
        HuggingFace(path=str(tmp_path / "other"))
    assert len(read(path=str(tmp_path / "other"), label="kind").spec.classes) == 10


def test_test_images_without_labels_are_left(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sets = parts()
    sets["test"] = sets["test"].map(lambda row: {"digit": -1})
    sets.save_to_disk(str(tmp_path / "folder"))
    with caplog.at_level("INFO"):
        data = read(path=str(tmp_path / "folder"))
    assert "The test images of" in caplog.text
    assert sum(map(len, data.splits.values())) == 320


def test_photos_are_not_decoded_for_their_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(0)
    images = [Image.fromarray(noise.integers(0, 255, (40 + k, 50, 3), np.uint8)) for k in range(40)]
    columns = {"image": images, "label": [f"kind {k % 2}" for k in range(40)]}
    features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("string")})
    datasets.Dataset.from_dict(columns, features=features).save_to_disk(str(tmp_path / "photos"))
    monkeypatch.setattr("pellucid.data.item_data._each_label", lambda reader: pytest.fail("decoded"))
    data = read(path=str(tmp_path / "photos"), image_size=16)
    assert data.spec.classes == ("kind 0", "kind 1")


def test_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def load(*args: Any, **options: Any) -> Any:
        asked.append((args, options))
        return parts()

    monkeypatch.setattr(datasets, "load_dataset", load)
    data = read(name="somebody/digits", config="small", revision="v1")
    assert asked == [(("somebody/digits", "small"), {"revision": "v1"})]
    assert torch.equal(data.splits["train"].labels_N, torch.from_numpy(digits()[1][:250]))
    assert data.source == "somebody/digits"


def test_without_a_network_the_cache_is_asked_at_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def load(*args: Any, **options: Any) -> Any:
        assert huggingface_hub.constants.HF_HUB_OFFLINE
        assert datasets.config.HF_HUB_OFFLINE
        return parts()

    def no_answer(*args: Any, **options: Any) -> None:
        raise OSError("Name or service not known.")

    monkeypatch.setattr(huggingface, "_unreachable", unreachable)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub, "get_session", lambda: SimpleNamespace(head=no_answer))
    monkeypatch.setattr(datasets, "load_dataset", load)
    assert len(read(name="somebody/digits").splits["train"]) == 250
    assert "does not answer (OSError: Name or service not known): somebody/digits" in caplog.text
    assert not huggingface_hub.constants.HF_HUB_OFFLINE
    assert not datasets.config.HF_HUB_OFFLINE


def test_a_list_of_classes_is_several_labels(tmp_path: Path) -> None:
    classes = datasets.ClassLabel(names=["odd", "large", "three"])
    features = datasets.Features({"image": datasets.Image(), "label": datasets.List(classes)})
    images = [Image.fromarray(digits()[0][k]) for k in range(60)]
    lists = [[k for k, has in enumerate((row % 2, row > 30, row % 3 == 0)) if has] for row in range(60)]
    dataset = datasets.Dataset.from_dict({"image": images, "label": lists}, features=features)
    folder = datasets.DatasetDict({"train": dataset, "test": dataset.select(range(10))})
    folder.save_to_disk(str(tmp_path / "lists"))
    data = HuggingFace(path=str(tmp_path / "lists"), val_fraction=0.2)
    assert (data.spec.labels, data.spec.classes) == (MULTILABEL, ("odd", "large", "three"))
    targets_NK = data.read()["train"].targets_NK
    assert targets_NK is not None
    assert targets_NK.dtype == torch.bool
    assert [row.nonzero()[:, 0].tolist() for row in targets_NK] == lists


def test_numbers(tmp_path: Path) -> None:
    ages = [k / 4 for k in range(60)]
    columns = {"image": [Image.fromarray(digits()[0][k]) for k in range(60)], "age": ages}
    features = datasets.Features({"image": datasets.Image(), "age": datasets.Value("float32")})
    datasets.Dataset.from_dict(columns, features=features).save_to_disk(str(tmp_path / "ages"))
    data = HuggingFace(path=str(tmp_path / "ages"), label="age")
    assert (data.spec.labels, data.spec.classes) == (NUMBERS, ("number",))
    targets_NK = data.read()["all"].targets_NK
    assert targets_NK is not None
    assert targets_NK[:, 0].tolist() == ages


def test_what_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    parts().save_to_disk(str(tmp_path / "three"))
    for options, message in (
        ({}, "expected a folder, data.path=<folder>, or .* got neither"),
        ({"path": "x", "name": "y"}, "got both"),
        ({"path": str(tmp_path / "none")}, "there is no such folder"),
        ({"path": str(tmp_path / "empty")}, r"cannot be read \(EmptyDatasetError.*Expected parquet files"),
        (
            {"path": str(tmp_path / "three"), "split": "tset"},
            "has train, validation, test. Did you mean",
        ),
        ({"path": str(tmp_path / "three"), "image": "pic"}, r"data.image=pic: .* has no such column. Did"),
    ):
        with pytest.raises(UserError, match=message) as caught:
            HuggingFace(**options)
        assert "\n" not in str(caught.value)
    monkeypatch.setattr(datasets, "load_dataset", partial(_raise, ConnectionError("Couldn't reach it")))
    with pytest.raises(UserError, match=r"data.name=a/b cannot be read .* Without a network put its files"):
        HuggingFace(name="a/b")
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UserError, match=r"pip install 'pellucid\[huggingface\]'"):
        HuggingFace(name="a/b")


def _raise(error: Exception, *args: Any, **options: Any) -> None:
    raise error


def test_an_image_that_is_damaged_is_named(tmp_path: Path) -> None:
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["a", "b"])})
    Image.new("L", (8, 8)).save(tmp_path / "good.png")
    good = (tmp_path / "good.png").read_bytes()
    images = [{"bytes": b"no image" if k == 17 else good, "path": None} for k in range(40)]
    columns = {"image": images, "label": [k % 2 for k in range(40)]}
    datasets.Dataset.from_dict(columns, features=features).save_to_disk(str(tmp_path / "saved"))
    with pytest.raises(UserError, match=r"saved: item 17 of 40 raised UnidentifiedImageError"):
        HuggingFace(path=str(tmp_path / "saved"))
