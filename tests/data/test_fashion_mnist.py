"""Fashion-MNIST: its files wherever they lie, damaged ones, and the download."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision import datasets

from pellucid.data.fashion_mnist import CLASSES, read_idx
from pellucid.errors import UserError
from tests.data.build import make, read
from tests.data.conftest import Serve
from tests.data.photos import tensor
from tests.fakes import write_idx

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"


def test_the_class_names_are_torchvisions() -> None:
    assert list(CLASSES) == datasets.FashionMNIST.classes


@pytest.mark.parametrize("below", [".", "FashionMNIST/raw"])
@pytest.mark.parametrize("zipped", [True, False])
def test_the_files_are_found(fashion: Path, tmp_path: Path, below: str, zipped: bool) -> None:
    folder = tmp_path / below
    folder.mkdir(parents=True, exist_ok=True)
    for path in fashion.iterdir():
        if zipped:
            shutil.copy(path, folder)
        else:
            (folder / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
    data = read("fashion_mnist", root=str(tmp_path))
    sizes = {name: len(split) for name, split in data.splits.items()}
    assert sizes == {"train": 270, "val": 30, "test": 60}
    assert data.source == f"Fashion-MNIST in {folder.resolve()}"


def test_images_and_labels_are_those_of_the_files(fashion: Path) -> None:
    split = read("fashion_mnist", root=str(fashion)).splits["test"]
    content = gzip.decompress((fashion / f"{TEST_IMAGES}.gz").read_bytes())
    seventh = np.frombuffer(content[16 + 7 * 784 : 16 + 8 * 784], np.uint8).reshape(28, 28)
    assert np.array_equal(split.images(torch.tensor([7]))[0, 0].numpy(), seventh)
    assert int(split.labels_N[7]) == 7
    assert split.files[7] == "test/00007"


def test_an_idx_file_of_bytes_by_hand(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\0\0\x08\x02" + struct.pack(">II", 2, 3) + bytes([1, 2, 3, 4, 5, 6]))
    assert read_idx(tmp_path / "a").tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.fixture
def copy(fashion: Path, tmp_path: Path) -> Path:
    """A copy of the files, to damage."""
    root = tmp_path / "copy"
    shutil.copytree(fashion, root)
    return root


def idx(*sizes: int, data: bytes = b"", magic: bytes = b"\0\0\x08") -> bytes:
    return gzip.compress(magic + bytes([len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes) + data)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>not found</html>",
        gzip.compress(b""),
        gzip.compress(b"\0\0\x08"),
        gzip.compress(b"\0\0\x08\x03\0\0"),
        gzip.compress(bytes(1000))[:-10],
        gzip.compress(np.random.default_rng(0).bytes(1000))[:500],
        b"\x1f\x8b\x08" + bytes(50),
        idx(2, 28, 28, data=bytes(2 * 784), magic=b"\0\0\x0d"),
        idx(3, 28, 28, data=bytes(2 * 784)),
        idx(1, 28, 28, data=bytes(2 * 784)),
    ],
    ids=["empty", "html", "empty gzip", "no dimensions", "no sizes", "truncated zeros", "truncated",
         "bad deflate", "floats", "too short", "too long"],
)  # fmt: skip
def test_a_damaged_file_is_named_with_the_remedy(copy: Path, content: bytes) -> None:
    (copy / f"{IMAGES}.gz").write_bytes(content)
    with pytest.raises(UserError, match=rf"{IMAGES}\.gz is damaged .*Delete it and download it again"):
        read("fashion_mnist", root=str(copy))


@pytest.mark.parametrize("flip", range(0, 200, 20))
def test_a_flipped_bit_is_found_by_gzips_check_sum(copy: Path, flip: int) -> None:
    path = copy / f"{LABELS}.gz"
    content = bytearray(path.read_bytes())
    content[10 + flip % (len(content) - 10)] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(UserError, match="is damaged"):
        read("fashion_mnist", root=str(copy))


def test_files_that_do_not_belong_together_are_told(copy: Path) -> None:
    write_idx(copy / f"{LABELS}.gz", np.zeros(299, np.uint8))
    with pytest.raises(UserError, match=r"300 train images but 299 labels"):
        read("fashion_mnist", root=str(copy))


def test_labels_in_place_of_images_are_told(copy: Path) -> None:
    shutil.copy(copy / f"{LABELS}.gz", copy / f"{IMAGES}.gz")
    with pytest.raises(UserError, match="do not belong together"):
        read("fashion_mnist", root=str(copy))


def test_images_in_place_of_labels_are_told(copy: Path) -> None:
    shutil.copy(copy / f"{IMAGES}.gz", copy / f"{LABELS}.gz")
    with pytest.raises(UserError, match="do not belong together"):
        read("fashion_mnist", root=str(copy))


def test_labels_beyond_the_ten_classes_are_told(copy: Path) -> None:
    write_idx(copy / f"{LABELS}.gz", np.arange(300, dtype=np.uint8) % 11)
    with pytest.raises(UserError, match="labels"):
        read("fashion_mnist", root=str(copy))


# --- the download ----------------------------------------------------------------------------


def test_without_network_the_layout_is_told_and_nothing_stays(tmp_path: Path) -> None:
    root = tmp_path / "new"
    data = make("fashion_mnist", root=str(root))
    with pytest.raises(UserError, match=rf"Fashion-MNIST is not in data\.root={root} .*{IMAGES}\.gz"):
        data.prepare_data()
    assert not root.exists()


def trust(monkeypatch: pytest.MonkeyPatch, address: str, folder: Path) -> None:
    """Make torchvision fetch the files from there and expect them as they are."""
    names = [f"{name}.gz" for name in (IMAGES, LABELS, TEST_IMAGES, TEST_LABELS)]
    sums = [(name, hashlib.md5((folder / name).read_bytes()).hexdigest()) for name in names]
    monkeypatch.setattr(datasets.FashionMNIST, "mirrors", [address])
    monkeypatch.setattr(datasets.FashionMNIST, "resources", sums)


def test_what_is_missing_is_downloaded_once(
    fashion: Path, tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(monkeypatch, serve(fashion), fashion)
    data = read("fashion_mnist", root=str(tmp_path / "new"))
    assert data.fingerprint() == read("fashion_mnist", root=str(fashion)).fingerprint()
    monkeypatch.setattr(datasets.FashionMNIST, "mirrors", ["http://127.0.0.1:9/"])
    read("fashion_mnist", root=str(tmp_path / "new"))


@pytest.mark.parametrize("name", [IMAGES, TEST_LABELS])
def test_a_download_with_a_wrong_check_sum_is_refused_and_can_be_repeated(
    fashion: Path, copy: Path, tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    trust(monkeypatch, serve(copy), fashion)
    (copy / f"{name}.gz").write_bytes(b"<html>Sign in to this network</html>")
    root = tmp_path / "new"
    with pytest.raises(UserError, match=r"(?s)could not be downloaded .*corrupted"):
        make("fashion_mnist", root=str(root)).prepare_data()
    shutil.copy(fashion / f"{name}.gz", copy)
    if name == TEST_LABELS:  # all four files are there now, this one damaged
        with pytest.raises(UserError, match="Delete it and download it again"):
            read("fashion_mnist", root=str(root))
        (root / "FashionMNIST" / "raw" / f"{name}.gz").unlink()
    data = read("fashion_mnist", root=str(root))
    assert data.fingerprint() == read("fashion_mnist", root=str(fashion)).fingerprint()


@pytest.mark.real
def test_the_real_files_have_60000_and_10000_images(real_data: Path) -> None:
    data = read("fashion_mnist", root=str(real_data / "fashion-mnist"))
    sizes = {name: len(split) for name, split in data.splits.items()}
    assert sizes == {"train": 54_000, "val": 6_000, "test": 10_000}
    assert torch.bincount(data.splits["val"].labels_N).tolist() == [600] * 10
    assert torch.bincount(data.splits["test"].labels_N).tolist() == [1000] * 10


@pytest.mark.real
def test_mean_and_deviation_are_those_of_the_real_training_images(real_data: Path) -> None:
    data = read("fashion_mnist", root=str(real_data / "fashion-mnist"))
    pixels = tensor(data.splits["train"].store).double() / 255
    assert data.spec.mean[0] == pytest.approx(float(pixels.mean()), abs=5e-4)
    assert data.spec.std[0] == pytest.approx(float(pixels.std()), abs=5e-4)
