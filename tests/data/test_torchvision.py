"""The data module of torchvision's data sets: splits, classes, files that are half there, downloads."""

from __future__ import annotations

import gzip
import shutil
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision import datasets

from pellucid.data.base import ImageData
from pellucid.errors import UserError
from tests.data.build import make, read
from tests.data.conftest import Serve
from tests.data.torchvision_files import WRITERS, md5, trust
from tests.helpers import make_run, metrics, unprivileged

OPTIONS: dict[str, dict[str, Any]] = {
    "EMNIST": {"split": "letters"},
    "FakeData": {"options": {"size": 40, "image_size": [3, 16, 16], "num_classes": 2}},
    "LFWPeople": {"min_images": 3},  # of one person there is a single photo
}
OWN: dict[str, set[str]] = {  # splits with labels beside train; of those that are not here, test
    "CLEVRClassification": {"val"},
    "Country211": {"val", "test"},
    "DTD": {"val", "test"},
    "FGVCAircraft": {"val", "test"},
    "Flowers102": {"val", "test"},
    "INaturalist": {"val"},
    "ImageNet": {"val"},
    "Imagenette": {"val"},
    "PCAM": {"val", "test"},
    "Places365": {"val"},
    "RenderedSST2": {"val", "test"},
}


UNDIVIDED = {
    *("Caltech101", "Caltech256", "EuroSAT", "FakeData", "LFWPeople", "Omniglot", "SEMEION", "SUN397"),
}


def read_fake(name: str, root: Path, monkeypatch: pytest.MonkeyPatch, **given: Any) -> ImageData:
    """The data set of fake files, which are written first."""
    if not any(root.iterdir()):
        WRITERS[name](root)
    trust(monkeypatch, name, root)
    given = {"image_size": 24, "cache": str(root / "cache"), **OPTIONS.get(name, {}), **given}
    return read("torchvision", name=name, root=str(root), **given)


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_every_data_set_is_split_and_read(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = read_fake(name, tmp_path, monkeypatch)
    own = set() if name in UNDIVIDED else OWN.get(name, {"test"})
    assert set(data.divided.provided) - {"train", "all"} == own
    assert data.source == f"torchvision's {name} in {tmp_path}"
    assert len(set(data.spec.classes)) == len(data.spec.classes) >= 2
    files = [file for split in data.splits.values() for file in split.files]
    assert len(files) == len(set(files))
    for part in ("train", "val", "test"):
        labels = Counter(data.splits[part].labels_N.tolist())
        assert set(labels) == set(range(len(data.spec.classes))), part
    brightness = torch.stack(
        [
            data.splits["train"]
            .images(torch.nonzero(data.splits["train"].labels_N == label)[:, 0])
            .float()
            .mean()
            for label in range(len(data.spec.classes))
        ]
    )
    if name not in ("FakeData", "FGVCAircraft"):
        assert bool((brightness.diff() > 30).all()), "each class as the writers draw it"


@pytest.mark.parametrize(("name", "parts"), [("SVHN", ["train", "val"]), ("SEMEION", ["train"])])
def test_the_statistics_are_those_of_the_training_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, parts: list[str]
) -> None:
    """The publisher's, of which we take some for validation; of what nobody has split, those of ours."""
    data = read_fake(name, tmp_path, monkeypatch)
    pixels = torch.cat([data.splits[part].images() for part in parts]).double() / 255
    assert data.spec.mean == pytest.approx(pixels.mean((0, 2, 3)).tolist(), abs=6e-5)
    assert data.spec.std == pytest.approx(pixels.std((0, 2, 3), correction=0).tolist(), abs=6e-5)
    assert data.spec.statistics == f"its {len(pixels)} training images"


@pytest.mark.parametrize(("name", "side"), [("EuroSAT", 64), ("RenderedSST2", 44), ("Food101", 128)])
def test_photos_that_are_alike_and_small_keep_their_size(tmp_path: Path, name: str, side: int) -> None:
    WRITERS[name](tmp_path)
    assert make("torchvision", name=name, root=str(tmp_path)).spec.image_shape == (3, side, side)


def test_classes_without_training_images_are_no_classes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = read_fake("EMNIST", tmp_path, monkeypatch)
    assert data.spec.classes == ("a", "b", "c"), "without N/A, which torchvision lists as well"


def test_small_classes_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        UserError, match=r"LFWPeople: 1 class of 4 have fewer than 3 .*data\.min_images=3 leaves"
    ):
        read_fake("LFWPeople", tmp_path, monkeypatch, min_images=1)
    data = read_fake("LFWPeople", tmp_path, monkeypatch, min_images=9)
    assert data.spec.classes == ("Alan_Turing", "Emmy_Noether")
    assert sum(len(split) for split in data.splits.values()) == 19
    with pytest.raises(UserError, match=r"1 of 4 classes has at least 10 training images; two are needed"):
        read_fake("LFWPeople", tmp_path, monkeypatch, min_images=10)
    with pytest.raises(UserError, match=r"data\.min_images=0: expected at least 1"):
        read_fake("LFWPeople", tmp_path, monkeypatch, min_images=0)


def test_one_split_is_divided_by_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = read_fake("SVHN", tmp_path, monkeypatch, split="extra")
    assert data.divided.provided == ("all",)
    assert sum(len(split) for split in data.splits.values()) == 27


def test_its_own_arguments_reach_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = read_fake("DTD", tmp_path, monkeypatch)
    second = read_fake("DTD", tmp_path, monkeypatch, options={"partition": 2})
    assert set(first.splits["test"].files) != set(second.splits["test"].files)


def test_a_value_that_it_does_not_take_is_told(tmp_path: Path) -> None:
    WRITERS["FGVCAircraft"](tmp_path)
    options = {"annotation_level": "famly"}
    with pytest.raises(UserError, match=r"data\.options: FGVCAircraft: Unknown value 'famly' .* 'family'"):
        make("torchvision", name="FGVCAircraft", root=str(tmp_path), options=options)


def test_photos_and_labels_decide_the_fingerprint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = read_fake("EuroSAT", tmp_path, monkeypatch)
    before = data.fingerprint()
    assert read_fake("EuroSAT", tmp_path, monkeypatch, image_size=20).fingerprint() == before
    data.splits["test"].labels_N[0] += 1
    assert data.fingerprint() != before
    path = tmp_path / data.splits["train"].files[0]
    path.write_bytes(path.read_bytes() + b"0")
    assert read_fake("EuroSAT", tmp_path, monkeypatch).fingerprint() != before


def test_the_files_are_looked_at_once_in_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = read_fake("MNIST", tmp_path, monkeypatch)
    shutil.rmtree(tmp_path / "MNIST")
    again = make("torchvision", name="MNIST", root=str(tmp_path), image_size=24, batch_size=3)
    assert again.spec == data.spec
    again.setup(read=data.was_read)
    assert again.splits["train"] is data.splits["train"]


# --- files that are not there, half there, damaged -------------------------------------------


@pytest.mark.parametrize(
    "name", ["MNIST", "Caltech101", "INaturalist", "SVHN", "StanfordCars", "FER2013", "ImageNet"]
)
def test_without_files_the_layout_is_told_and_nothing_stays(tmp_path: Path, name: str) -> None:
    root = tmp_path / "new"
    with pytest.raises(UserError) as raised:
        make("torchvision", name=name, root=str(root))
    message = str(raised.value)
    assert message.startswith(f"{name} is not in data.root={root} and could not be downloaded (")
    assert "put the files there: " in message
    assert "\n" not in message
    assert not root.exists()


def remove_every(root: Path, pattern: str, step: int) -> None:
    for path in sorted(root.rglob(pattern))[::step]:
        path.unlink()


def pack(root: Path) -> list[Path]:
    """The files of MNIST as archives with other sums than the publisher's."""
    packed = []
    for path in sorted((root / "MNIST" / "raw").iterdir()):
        packed.append(path.with_name(f"{path.name}.gz"))
        packed[-1].write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    return packed


def test_archives_that_others_have_packed_are_unpacked(tmp_path: Path) -> None:
    WRITERS["MNIST"](tmp_path)
    labels_N = datasets.MNIST(str(tmp_path)).targets
    pack(tmp_path)
    data = read("torchvision", name="MNIST", root=str(tmp_path))
    assert len(data.splits["train"]) + len(data.splits["val"]) == len(labels_N)


def test_one_that_is_damaged_is_not(tmp_path: Path) -> None:
    WRITERS["MNIST"](tmp_path)
    path = pack(tmp_path)[0]
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"MNIST is not in data\.root=.* could not be downloaded"):
        make("torchvision", name="MNIST", root=str(tmp_path))
    assert not path.with_suffix("").exists()


@pytest.mark.parametrize("inside", ["MNIST", "MNIST/raw"])
def test_a_root_that_is_too_deep_is_told_and_nothing_downloaded(tmp_path: Path, inside: str) -> None:
    WRITERS["MNIST"](tmp_path)
    told = rf"data\.root={tmp_path}/{inside}: MNIST is not in it\. .* holds MNIST: data\.root={tmp_path}\?"
    with pytest.raises(UserError, match=told):
        make("torchvision", name="MNIST", root=str(tmp_path / inside))


@pytest.mark.parametrize(
    ("name", "lost", "told"),
    [
        (
            "Flowers102",
            "flowers-102/jpg/image_00003.jpg",
            r"1 of 18 image files are missing: flowers-102/jpg/image_00003",
        ),
        ("Flowers102", "flowers-102/setid.mat", r"Flowers102 is not in data\.root"),
        ("Food101", "food-101/meta/test.json", r"food-101/meta/test\.json is missing"),
        ("DTD", "dtd/dtd/labels/val1.txt", r"dtd/dtd/labels/val1\.txt is missing"),
        ("GTSRB", "gtsrb/GT-final_test.csv", r"gtsrb/GT-final_test\.csv is missing"),
        ("MNIST", "MNIST/raw/t10k-labels-idx1-ubyte", r"MNIST is not in data\.root"),
        ("SVHN", "test_32x32.mat", r"SVHN is not in data\.root"),
        ("OxfordIIITPet", "oxford-iiit-pet/annotations/test.txt", r"annotations/test\.txt is missing"),
    ],
)
def test_what_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, lost: str, told: str
) -> None:
    WRITERS[name](tmp_path)
    trust(monkeypatch, name, tmp_path)
    (tmp_path / lost).unlink()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match=told) as raised:
        make("torchvision", name=name, root=str(tmp_path))
    assert "could not be downloaded" in str(raised.value)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "path", "content"),
    [
        ("MNIST", "MNIST/raw/train-images-idx3-ubyte", b"\0\0\x08\x03" + bytes(100)),
        ("MNIST", "MNIST/raw/train-labels-idx1-ubyte", b""),
        ("Food101", "food-101/meta/train.json", b'{"apple_pie": ['),
        ("StanfordCars", "stanford_cars/devkit/cars_meta.mat", b"no mat"),
        ("USPS", "usps.bz2", b"<html>"),
        ("FGVCAircraft", "fgvc-aircraft-2013b/data/variants.txt", b"707-320\n"),
    ],
)
def test_what_is_damaged_is_told(tmp_path: Path, name: str, path: str, content: bytes) -> None:
    WRITERS[name](tmp_path)
    (tmp_path / path).write_bytes(content)
    with pytest.raises(
        UserError, match=rf"{name} in data\.root={tmp_path} cannot be read \(.*remove it"
    ) as raised:
        make("torchvision", name=name, root=str(tmp_path))
    assert "\n" not in str(raised.value)


def test_files_that_may_not_be_read_are_told(tmp_path: Path) -> None:
    WRITERS["GTSRB"](tmp_path)
    listing = tmp_path / "gtsrb" / "GT-final_test.csv"
    listing.chmod(0)
    with pytest.raises(UserError, match=rf"{listing} may not be read\. Make it readable"):
        unprivileged(lambda: make("torchvision", name="GTSRB", root=str(tmp_path)))


def test_a_photo_that_is_damaged_is_named_and_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    WRITERS["EuroSAT"](tmp_path)
    (tmp_path / "eurosat" / "2750" / "River" / "004.jpg").write_bytes(b"\xff\xd8half")
    data = read_fake("EuroSAT", tmp_path, monkeypatch)
    assert data.left_out == 1
    assert "River/004.jpg" in log.text


# --- downloads -------------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The archive of DTD, where torchvision downloads it from."""
    folder = tmp_path / "site"
    WRITERS["DTD"](folder / "files")
    with tarfile.open(folder / "dtd.tar.gz", "w:gz") as tar:
        tar.add(folder / "files" / "dtd" / "dtd", "dtd")
    monkeypatch.setattr(datasets.DTD, "_URL", serve(folder) + "dtd.tar.gz")
    monkeypatch.setattr(datasets.DTD, "_MD5", md5(folder / "dtd.tar.gz"))
    return folder


def read_dtd(root: Path, **given: Any) -> ImageData:
    given = {"image_size": 16, "cache": str(root.parent / "cache"), **given}
    return read("torchvision", name="DTD", root=str(root), **given)


def test_what_is_missing_is_downloaded_once(site: Path, tmp_path: Path) -> None:
    data = read_dtd(tmp_path / "new")
    assert data.fingerprint() == read_dtd(site / "files").fingerprint()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["dtd"], "and nothing of the way there"
    shutil.rmtree(site)
    read_dtd(tmp_path / "new", seed=1)


def test_a_data_set_that_is_half_there_is_made_whole(site: Path, tmp_path: Path) -> None:
    root = tmp_path / "new"
    whole = read_dtd(root).fingerprint()
    remove_every(root, "*.jpg", 3)
    shutil.rmtree(root / "dtd" / "dtd" / "labels")
    (root / "dtd" / "dtd.tar.gz").unlink()
    (root / "dtd" / "notes.md").write_text("mine")
    assert read_dtd(root, seed=1).source
    assert read_dtd(root, seed=0).fingerprint() == whole
    assert (root / "dtd" / "notes.md").read_text() == "mine"


def test_an_archive_that_is_there_is_not_downloaded_again(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "new"
    (root / "dtd").mkdir(parents=True)
    shutil.move(site / "dtd.tar.gz", root / "dtd")
    assert read_dtd(root).fingerprint() == read_dtd(site / "files").fingerprint()


def test_an_archive_that_is_damaged_is_downloaded_anew(site: Path, tmp_path: Path) -> None:
    root = tmp_path / "new"
    (root / "dtd").mkdir(parents=True)
    (root / "dtd" / "dtd.tar.gz").write_bytes((site / "dtd.tar.gz").read_bytes()[:-100])
    assert read_dtd(root).fingerprint() == read_dtd(site / "files").fingerprint()
    assert md5(root / "dtd" / "dtd.tar.gz") == md5(site / "dtd.tar.gz")


def test_a_wrong_check_sum_leaves_nothing(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets.DTD, "_MD5", "0" * 32)
    with pytest.raises(UserError, match=r"DTD is not in data\.root=.* could not be downloaded \(.*corrupted"):
        read_dtd(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_an_interruption_leaves_nothing(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: tarfile.TarFile, path: str, **options: Any) -> None:
        (Path(path) / "dtd" / "images").mkdir(parents=True)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(tarfile.TarFile, "extractall", interrupted)
        with pytest.raises(KeyboardInterrupt):
            read_dtd(tmp_path / "new")
    assert not any((tmp_path / "new").iterdir())
    read_dtd(tmp_path / "new")


# --- whole runs ------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["MNIST", "SVHN", "OxfordIIITPet", "EuroSAT", "GTSRB", "Flowers102", "FER2013"]
)
def test_a_net_learns_from_them(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "files"
    WRITERS[name](root)
    trust(monkeypatch, name, root)
    run = make_run(
        tmp_path / "run",
        *("model=dnn", "data=torchvision", f"data.name={name}", f"data.root={root}", "data.image_size=16"),
        *(f"data.cache={tmp_path / 'cache'}", "data.batch_size=8", "trainer.max_epochs=12"),
    )
    found = metrics(run)
    assert found["data/source"] == f"torchvision's {name} in {root}"
    assert found["test/accuracy"] > 0.8
