"""CIFAR-10 through torchvision."""

from __future__ import annotations

import hashlib
import pickle
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision import datasets

from pellucid.data.cifar10 import CLASSES
from pellucid.errors import UserError
from tests.data.build import make, read
from tests.data.conftest import Serve

NAME = "cifar-10-batches-py"


def test_the_class_names_are_those_of_the_files(cifar10: Path) -> None:
    names = pickle.loads((cifar10 / NAME / "batches.meta").read_bytes())["label_names"]
    assert list(CLASSES) == names


def test_images_and_labels_are_those_of_the_files(cifar10: Path) -> None:
    split = read("cifar10", root=str(cifar10)).splits["test"]
    content = pickle.loads((cifar10 / NAME / "test_batch").read_bytes())
    planes = np.asarray(content["data"][13]).reshape(3, 32, 32)  # red, green, blue, row by row
    assert np.array_equal(split.images(torch.tensor([13]))[0].numpy(), planes)
    assert split.labels_N.tolist() == content["labels"]


def test_five_batches_are_training_images(cifar10: Path) -> None:
    splits = read("cifar10", root=str(cifar10)).splits
    assert {name: len(split) for name, split in splits.items()} == {"train": 180, "val": 20, "test": 40}


def test_what_is_there_needs_no_download(cifar10: Path, tmp_path: Path) -> None:
    assert not make("cifar10", root=str(cifar10)).needs_download
    assert make("cifar10", root=str(tmp_path)).needs_download


def test_without_network_the_layout_is_told_and_nothing_stays(tmp_path: Path) -> None:
    root = tmp_path / "new"
    with pytest.raises(UserError, match=rf"CIFAR-10 is not in data\.root={root} .*{NAME}"):
        read("cifar10", root=str(root))
    assert not root.exists()


def test_a_damaged_batch_is_refused(cifar10: Path, tmp_path: Path) -> None:
    shutil.copytree(cifar10 / NAME, tmp_path / NAME)
    path = tmp_path / NAME / "data_batch_3"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(UserError, match="could not be downloaded"):
        read("cifar10", root=str(tmp_path))
    assert path.exists(), "the user's files stay"


@pytest.fixture
def archive(cifar10: Path, tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The publisher's archive, where torchvision downloads it from."""
    path = tmp_path / "site" / "cifar-10-python.tar.gz"
    path.parent.mkdir()
    with tarfile.open(path, "w:gz") as tar:
        tar.add(cifar10 / NAME, NAME)
    monkeypatch.setattr(datasets.CIFAR10, "url", serve(path.parent) + path.name)
    monkeypatch.setattr(datasets.CIFAR10, "tgz_md5", hashlib.md5(path.read_bytes()).hexdigest())
    return path


def test_what_is_missing_is_downloaded_once(archive: Path, cifar10: Path, tmp_path: Path) -> None:
    data = read("cifar10", root=str(tmp_path / "new"))
    assert data.fingerprint() == read("cifar10", root=str(cifar10)).fingerprint()
    archive.unlink()
    read("cifar10", root=str(tmp_path / "new"))


def test_one_process_alone_downloads(archive: Path, tmp_path: Path) -> None:
    make("cifar10", root=str(tmp_path / "new")).prepare_data()  # which Lightning calls in one process
    assert (tmp_path / "new" / NAME / "test_batch").is_file()
