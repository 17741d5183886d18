"""Downloads that fail."""

from __future__ import annotations

from collections.abc import Callable
from http.client import IncompleteRead
from pathlib import Path
from urllib.error import URLError

import pytest

from pellucid.data.download import download
from pellucid.errors import UserError

NO_ROUTE = URLError("no route")


def failing(root: Path, error: Exception = NO_ROUTE) -> Callable[[], None]:
    """Makes folders, as torchvision does, and fails."""

    def fetch() -> None:
        (root / "base" / "raw").mkdir(parents=True)
        raise error

    return fetch


def test_what_was_fetched_is_returned(tmp_path: Path) -> None:
    assert download("Things", str(tmp_path), "a.txt", lambda: 42) == 42


@pytest.mark.parametrize(
    "error",
    [NO_ROUTE, TimeoutError("late"), RuntimeError("File not found or corrupted."),
     IncompleteRead(b"half")],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_a_failure_names_root_reason_and_layout(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(UserError) as raised:
        download("Things", str(tmp_path / "root"), "the file a.txt", failing(tmp_path / "root", error))
    message = str(raised.value)
    assert f"Things is not in data.root={tmp_path / 'root'}" in message
    assert str(error) in message
    assert message.endswith("put the files there: the file a.txt.")


def test_another_error_is_our_own_and_passes(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        download("Things", str(tmp_path), "a.txt", failing(tmp_path, KeyError("bug")))


def test_empty_folders_of_the_attempt_go(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        download("Things", str(tmp_path / "root"), "a.txt", failing(tmp_path / "root"))
    assert not (tmp_path / "root").exists()


def test_files_that_were_there_stay(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UserError):
        download("Things", str(tmp_path), "a.txt", failing(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_empty_folders_that_were_there_stay(tmp_path: Path) -> None:
    (tmp_path / "root" / "mine" / "inner").mkdir(parents=True)
    with pytest.raises(UserError):
        download("Things", str(tmp_path / "root"), "a.txt", failing(tmp_path / "root"))
    assert (tmp_path / "root" / "mine" / "inner").is_dir()
    assert not (tmp_path / "root" / "base").exists()
