"""Which data sets of torchvision there are, and whether each is read as torchvision reads it."""

from __future__ import annotations

import inspect
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import datasets

from pellucid.data.torchvision_sets import (
    LAYOUTS,
    REFUSED,
    Content,
    Layout,
    distinct,
    find_set,
    parts_of,
    read_items,
    read_set,
)
from pellucid.errors import UserError
from tests.data.torchvision_files import WRITERS, trust
from tests.helpers import ROOT

TRAIN_VAL_TEST = {"train": "train", "val": "val", "test": "test"}
SPLITS: dict[str, dict[str, Any]] = {  # what stands for train, val and test; of the others train and test
    "CLEVRClassification": TRAIN_VAL_TEST,
    "Caltech101": {"all": None},
    "Caltech256": {"all": None},
    "Country211": {"train": "train", "val": "valid", "test": "test"},
    "DTD": TRAIN_VAL_TEST,
    "EuroSAT": {"all": None},
    "FGVCAircraft": TRAIN_VAL_TEST,
    "FakeData": {"all": None},
    "Flowers102": TRAIN_VAL_TEST,
    "INaturalist": {"train": "2021_train", "val": "2021_valid"},
    "ImageNet": {"train": "train", "val": "val"},
    "Imagenette": {"train": "train", "val": "val"},
    "LFWPeople": {"all": "10fold"},
    "Omniglot": {"all": None},
    "OxfordIIITPet": {"train": "trainval", "test": "test"},
    "PCAM": TRAIN_VAL_TEST,
    "Places365": {"train": "train-standard", "val": "val", "test": "test"},
    "RenderedSST2": TRAIN_VAL_TEST,
    "SEMEION": {"all": None},
    "SUN397": {"all": None},
}
OF_ARRAYS = {
    *(
        "CIFAR10",
        "CIFAR100",
        "EMNIST",
        "FER2013",
        "FakeData",
        "FashionMNIST",
        "KMNIST",
        "MNIST",
        "PCAM",
        "QMNIST",
    ),
    *("SEMEION", "STL10", "SVHN", "USPS"),
}
OPTIONS: dict[str, Any] = {"FakeData": {"size": 30, "image_size": (3, 16, 16), "num_classes": 3}}


def parts(name: str, split: str | None = None, **options: Any) -> dict[str, dict[str, Any]]:
    split = split or ("letters" if name == "EMNIST" else None)
    return parts_of(find_set(name), split, {**OPTIONS.get(name, {}), **options})


def need(name: str) -> None:
    if name == "PCAM":
        pytest.importorskip("h5py")


def test_every_data_set_of_torchvision_is_known_or_refused() -> None:
    there = {name for name in datasets.__all__ if inspect.isclass(getattr(datasets, name))}
    refused = [name for names in REFUSED.values() for name in names]
    assert len(there) >= 70
    assert there == {*LAYOUTS, *refused} & there, "a new one: see how it keeps its images"
    assert len(LAYOUTS) == 34
    assert not {*LAYOUTS} & {*refused}
    assert {*WRITERS} == {*LAYOUTS} - {"CIFAR10"}, "whose files test_cifar10.py has"


@pytest.mark.parametrize("name", sorted({*LAYOUTS}))
def test_its_own_splits_are_found(name: str) -> None:
    need(name)
    found = parts(name)
    if name in SPLITS:
        argument = LAYOUTS[name].argument
        said = {part: arguments.get(argument) for part, arguments in found.items()}
        if name == "Places365":
            said.setdefault("test", "test")  # whose images, without labels, torchvision 0.21 has not
        assert said == SPLITS[name]
    else:
        said = {
            part: arguments.get("train", arguments.get("split", arguments.get("what")))
            for part, arguments in found.items()
        }
        assert said in ({"train": True, "test": False}, {"train": "train", "test": "test"})


def test_the_docs_list_them_all() -> None:
    page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    page = page.partition("## Data sets of torchvision")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| ([\w, ]+) \| `?([^|]*?)`? \|$", page, flags=re.MULTILINE)
    assert [name for name, _, _ in rows] == sorted(LAYOUTS, key=str.lower)
    for name, splits, files in rows:
        assert files == LAYOUTS[name].files
        own = SPLITS.get(name, {"train": "train", "test": "test"})
        assert splits == ("none" if "all" in own else ", ".join(own))


def of_torchvision(dataset: Any, content: Content) -> Counter[tuple[bytes, str]]:
    """Each image and its class as ``dataset[i]`` has them."""
    rows = []
    for index in range(len(dataset)):
        image, target = dataset[index]
        name = str(content.names[target]) if content.names and target is not None else str(target)
        if isinstance(dataset, datasets.Omniglot):  # in an order that is the disk's
            name = dataset._characters[target]
        rows.append((np.asarray(image.convert("RGB")).tobytes(), name))
    return Counter(rows)


def of_ours(content: Content) -> Counter[tuple[bytes, str]]:
    rows = []
    for index, label in enumerate(content.labels_N.tolist()):
        if content.pixels_NCHW is not None:
            image = Image.fromarray(content.pixels_NCHW[index].expand(3, -1, -1).permute(1, 2, 0).numpy())
        else:
            image = Image.open(content.files[index]).convert("RGB")
        name = str(None if label < 0 else content.names[label] if content.names else label)
        rows.append((np.asarray(image).tobytes(), name))
    return Counter(rows)


@pytest.mark.filterwarnings("ignore:'mode' parameter is deprecated")  # of Pillow about torchvision 0.21
@pytest.mark.parametrize("name", sorted({*WRITERS} - {"EMNIST"}))
def test_images_and_classes_are_those_of_torchvision(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need(name)
    WRITERS[name](tmp_path)
    trust(monkeypatch, name, tmp_path)
    root = {} if name == "FakeData" else {"root": str(tmp_path)}
    counts = {}
    for part, arguments in parts(name).items():
        dataset = find_set(name)(**root, **arguments)
        content = read_set(dataset)
        assert (content.pixels_NCHW is not None) == (name in OF_ARRAYS)
        assert of_ours(content) == of_torchvision(dataset, content)
        again = read_set(find_set(name)(**root, **arguments))
        assert list(again.files) == list(content.files), "in the same order each time"
        counts[part] = len(content.labels_N)
        if part in ("train", "all"):
            assert len(set(content.labels_N.tolist())) >= 2
    assert min(counts.values()) >= 3


def test_letters_of_emnist_are_upright_and_begin_with_a(tmp_path: Path) -> None:
    WRITERS["EMNIST"](tmp_path)
    dataset = datasets.EMNIST(str(tmp_path), train=True, **{"split": "letters"})
    content = read_set(dataset)
    assert content.pixels_NCHW is not None
    assert (content.pixels_NCHW[:, 0, 2] == 255).all(), "the row that the writer has drawn"
    assert torch.equal(content.pixels_NCHW[5, 0].mT, dataset.data[5])
    assert [content.names[label] for label in content.labels_N[:3].tolist()] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("name", "options", "names"),
    [
        (
            "FGVCAircraft",
            {"annotation_level": "manufacturer"},
            ["Airbus", "Boeing", "Douglas Aircraft Company"],
        ),
        ("OxfordIIITPet", {"target_types": "binary-category"}, ["Cat", "Dog"]),
        ("INaturalist", {"target_type": "kingdom"}, ["Animalia", "Plantae"]),
    ],
)
def test_an_argument_of_its_own_chooses_other_classes(
    tmp_path: Path, name: str, options: dict[str, str], names: list[str]
) -> None:
    WRITERS[name](tmp_path)
    content = read_set(find_set(name)(root=str(tmp_path), **parts(name, **options)["train"]))
    assert list(content.names) == names
    assert set(content.labels_N.tolist()) == set(range(len(names)))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("OxfordIIITPet", {"target_types": "segmentation"}),
        ("OxfordIIITPet", {"target_types": ["category", "binary-category"]}),
        ("INaturalist", {"target_type": ["kingdom", "order"]}),
        ("Caltech101", {"target_type": "annotation"}),
    ],
)
def test_targets_that_are_no_class_are_refused(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    WRITERS[name](tmp_path)
    arguments = next(iter(parts(name, **options).values()))
    with pytest.raises(UserError, match=r"data\.options\.target_types?: expected "):
        read_set(find_set(name)(root=str(tmp_path), **arguments))


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("Flower102", "Flowers102"),
        ("mnist", "MNIST"),
        ("cifar-100", "CIFAR100"),
        ("oxford_iiit_pets", "OxfordIIITPet"),
    ],
)
def test_a_typo_gets_the_nearest_name(name: str, near: str) -> None:
    with pytest.raises(
        UserError, match=rf"data\.name={name}: .* Did you mean '{near}'\? There are CIFAR10, "
    ):
        find_set(name)


@pytest.mark.parametrize(("reason", "names"), REFUSED.items())
def test_a_data_set_without_classes_is_refused_with_why(reason: str, names: tuple[str, ...]) -> None:
    for name in names:
        with pytest.raises(UserError, match=rf"data\.name={name}: {reason}\. Expected a data set that gives"):
            find_set(name)


@pytest.mark.parametrize(
    ("name", "split", "options", "message"),
    [
        ("DTD", None, {"partitions": 2}, r"\.partitions: DTD takes no such .* 'partition'\? It takes: part"),
        ("MNIST", None, {"fold": 2}, r"data\.options\.fold: MNIST takes no such argument\. It takes: none"),
        ("DTD", None, {"split": "val"}, r"data\.options\.split: DTD takes no such argument"),
        ("MNIST", None, {"download": True}, r"data\.options\.download: MNIST takes no such argument"),
        ("SVHN", "extras", {}, r"extras: of SVHN expected one of train, test, extra\. Did you mean 'extra'"),
        ("MNIST", "train", {}, r"data\.split=train: of MNIST it has no splits to choose from"),
        ("EMNIST", "lettres", {}, r"lettres: of EMNIST expected one of byclass.*mean 'letters'"),
    ],
)  # fmt: skip
def test_a_mistaken_argument_is_told(
    name: str, split: str | None, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        parts_of(find_set(name), split, options)


def test_emnist_is_told_to_choose_its_classes() -> None:
    with pytest.raises(
        UserError, match=r"data\.split: EMNIST has several .* byclass, bymerge, balanced, letters"
    ):
        parts_of(datasets.EMNIST, None, {})


def test_one_split_may_stand_for_all() -> None:
    assert parts("SVHN", "extra") == {"all": {"split": "extra"}}
    assert parts("QMNIST", "nist") == {"all": {"what": "nist"}}


def test_a_package_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(UserError, match=r"data\.name=PCAM: h5py is not found.* pip install h5py"):
        parts("PCAM")


def test_a_label_has_a_name_of_its_own() -> None:
    names = ["oak", ("crane", "bird"), ("crane", "machine"), "elm", "elm"]
    assert distinct(names, 6) == ["oak", "crane, bird", "crane, machine", "elm (3)", "elm (4)", "5"]


class Own:
    """A data set that is not known: grey images of a size and their numbers."""

    def __init__(self, *sizes: tuple[int, int], target: Any = 1) -> None:
        self.sizes, self.target = sizes, target

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, index: int) -> tuple[Image.Image, Any]:
        return Image.new("L", self.sizes[index], 7 * index), self.target


@pytest.mark.parametrize(
    ("sizes", "side"), [([(30, 30)] * 3, 30), ([(30, 40)] * 3, 128), ([(30, 30), (31, 31)], 128)]
)
def test_a_data_set_that_is_newer_is_read_item_by_item(sizes: list[tuple[int, int]], side: int) -> None:
    content = read_set(Own(*sizes))
    assert content.pixels_NCHW is not None
    assert content.pixels_NCHW.shape == (len(sizes), 1, side, side)
    assert set(content.pixels_NCHW[1].flatten().tolist()) == {7}
    assert content.labels_N.tolist() == [1] * len(sizes)


@pytest.mark.parametrize("target", ["oak", (1, 2), torch.tensor([1, 2]), {"boxes": []}])
def test_one_that_gives_no_class_is_refused(target: Any) -> None:
    with pytest.raises(
        UserError, match=r"data\.name=Own: expected an image and the number of its class, got Image"
    ):
        read_items(Own((30, 30), (30, 30), target=target))


def test_names_that_another_version_has_not_are_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    WRITERS["EuroSAT"](tmp_path)
    dataset = datasets.EuroSAT(str(tmp_path))
    by_files = read_set(dataset)

    def elsewhere(dataset: Any) -> Content:
        raise AttributeError("'EuroSAT' object has no attribute 'samples'")

    monkeypatch.setitem(LAYOUTS, "EuroSAT", Layout("eurosat", elsewhere))
    by_items = read_set(dataset)
    assert by_items.pixels_NCHW is not None
    assert of_ours(by_items) == of_ours(by_files)
