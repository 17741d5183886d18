"""Fake data in the publishers' on-disk formats, and the folder of real data where there is one."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.fakes import write_idx, write_photos

if "PYTEST_XDIST_WORKER" in os.environ:  # before torch is imported: the processes share the cores
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--every",
        type=int,
        metavar="N",
        help="of each file every N-th test, of one with several cases the first",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if (every := config.getoption("every")) is None:
        return
    tests: dict[Path, dict[str, pytest.Item]] = {}
    for item in items:
        tests.setdefault(item.path, {}).setdefault(item.nodeid.partition("[")[0], item)
    kept = [item for in_file in tests.values() for item in list(in_file.values())[::every]]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
    items[:] = kept


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of the test's own: nothing is read from or written to the user's cache."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture(autouse=True)
def _log_reaches_caplog(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our log reaches ``caplog``, also where a command in a test before has turned its propagation off."""
    monkeypatch.setattr(logging.getLogger("pellucid"), "propagate", True)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Downloads fail at once, as on a machine without a network; loopback works."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``train`` and ``test`` folders of cats and dogs: small noisy pictures, brighter for dogs."""
    root = tmp_path_factory.mktemp("photos")
    for seed, (split, count) in enumerate((("train", 20), ("test", 8))):
        write_photos(root / split, {"cat": count, "dog": count}, seed=seed)
    return root


@pytest.fixture(scope="session")
def fashion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fashion-MNIST's four idx files with 300 and 60 images."""
    root = tmp_path_factory.mktemp("fashion")
    random = np.random.default_rng(0)
    for prefix, count in (("train", 300), ("t10k", 60)):
        labels = np.arange(count, dtype=np.uint8) % 10
        images = random.integers(0, 40, (count, 28, 28), dtype=np.uint8)
        images += (labels * 20)[:, None, None].astype(np.uint8)
        write_idx(root / f"{prefix}-images-idx3-ubyte.gz", images)
        write_idx(root / f"{prefix}-labels-idx1-ubyte.gz", labels)
    return root


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data; the test is skipped where PELLUCID_REAL_DATA names none."""
    folder = os.environ.get("PELLUCID_REAL_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("PELLUCID_REAL_DATA names no folder with fashion-mnist/ and catdog/")
    return Path(folder)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """One photo of 60 × 40 pixels."""
    path = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)).save(path)
    return path


@pytest.fixture
def closed(tmp_path: Path, photos: Path) -> Iterator[Path]:
    """A folder of eight photos with a folder ``secret`` of eight more, which cannot be looked into."""
    folder = tmp_path / "album"
    shutil.copytree(photos / "test" / "cat", folder)
    shutil.copytree(photos / "test" / "dog", folder / "secret")
    (folder / "secret").chmod(0o000)
    yield folder
    (folder / "secret").chmod(0o755)
