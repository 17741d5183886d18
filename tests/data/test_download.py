"""Downloads that fail."""

from __future__ import annotations

from collections.abc import Callable
from http.client import IncompleteRead
from pathlib import Path
from urllib.error import URLError

import pytest

from pellucid.data.download import download, download_beside
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


# --- beside the root, and moved into it when it is whole -------------------------------------


def names(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def test_what_is_whole_is_moved_and_what_was_there_stays(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "set").mkdir(parents=True)
    (root / "set" / "mine.txt").write_text("mine")
    (root / "set" / "half.jpg").write_text("half")

    def fetch(folder: str) -> None:
        assert not any(Path(folder).iterdir()), "no archive was there"
        (Path(folder) / "set" / "new").mkdir(parents=True)
        (Path(folder) / "set" / "half.jpg").write_text("whole")
        (Path(folder) / "set" / "new" / "a.jpg").write_text("a")

    download_beside("Things", root, "set/*.jpg", fetch)
    assert names(root) == ["set/half.jpg", "set/mine.txt", "set/new/a.jpg"]
    assert (root / "set" / "half.jpg").read_text() == "whole"
    assert (root / "set" / "mine.txt").read_text() == "mine"


def test_archives_are_given_and_never_written_over_by_half(tmp_path: Path) -> None:
    (tmp_path / "set" / "raw").mkdir(parents=True)
    archive = tmp_path / "set" / "raw" / "a.gz"
    archive.write_text("the publisher's")

    def fetch(folder: str) -> None:
        copy = Path(folder) / "set" / "raw" / "a.gz"
        assert copy.read_text() == "the publisher's"
        copy.write_text("half")
        raise NO_ROUTE

    with pytest.raises(
        UserError, match=r"Things is not whole in data\.root=.* \(b is missing\) and could not be"
    ):
        download_beside("Things", tmp_path, "set/*", fetch, lacks="b is missing")
    assert names(tmp_path) == ["set/raw/a.gz"]
    assert archive.read_text() == "the publisher's"


def test_one_that_is_offered_no_more_is_told(tmp_path: Path) -> None:
    def fetch(folder: str) -> None:
        raise ValueError("The original URL is broken.\nAsk elsewhere.")

    with pytest.raises(UserError, match=r"could not be downloaded \(The original URL is broken\.\)"):
        download_beside("Things", tmp_path / "root", "set/*", fetch)
    assert not (tmp_path / "root").exists()
