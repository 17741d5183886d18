"""A loopback server, the log, and torchvision's check sums of the fake files."""

from __future__ import annotations

import logging
import threading
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from torchvision import datasets

from tests.data.strangers import png
from tests.fakes import write_cifar10

Serve = Callable[[Path], str]


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    """Our log, also where a run before has turned its propagation off."""
    monkeypatch.setattr(logging.getLogger("pellucid"), "propagate", True)
    caplog.set_level(logging.INFO, "pellucid")
    return caplog


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: torchvision hangs up once it has seen the address."""


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves a folder on the loopback and gives its address, which ends in a slash."""
    servers = []

    def start(folder: Path) -> str:
        server = _Server(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        return f"http://127.0.0.1:{server.server_address[1]}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="session")
def cifar10_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A root with 5 × 40 + 40 images, and the files' md5 sums."""
    root = tmp_path_factory.mktemp("cifar10")
    return root, write_cifar10(root)


def trust_cifar10(monkeypatch: pytest.MonkeyPatch, sums: dict[str, str]) -> None:
    """Make torchvision expect these md5 sums."""
    train = [[name, sums[name]] for name in sums if name.startswith("data_batch")]
    monkeypatch.setattr(datasets.CIFAR10, "train_list", train)
    monkeypatch.setattr(datasets.CIFAR10, "test_list", [["test_batch", sums["test_batch"]]])
    meta = {"filename": "batches.meta", "key": "label_names", "md5": sums["batches.meta"]}
    monkeypatch.setattr(datasets.CIFAR10, "meta", meta)


@pytest.fixture(scope="session")
def huge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A black-and-white PNG of 20,000 × 20,000 pixels, some 50 kB on disk."""
    packer, row = zlib.compressobj(1), bytes(1 + 20_000 // 8)
    data = b"".join(packer.compress(row) for _ in range(20_000)) + packer.flush()
    path = tmp_path_factory.mktemp("huge") / "huge.png"
    path.write_bytes(png(20_000, 20_000, 1, 0, data))
    return path


@pytest.fixture
def cifar10(cifar10_files: tuple[Path, dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root with CIFAR-10's files, which torchvision trusts."""
    root, sums = cifar10_files
    trust_cifar10(monkeypatch, sums)
    return root
