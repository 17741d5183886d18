"""Files are written whole or not at all, and read as what they are."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from pellucid.errors import UserError
from pellucid.system.files import (
    _temporary,
    check_writable,
    check_yaml,
    disk_error,
    open_file,
    read_arrays,
    read_json,
    read_text,
    remove_leftovers,
    write_atomically,
    write_csv,
    write_folder_atomically,
)


def full(descriptor: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_failed_write_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new and longer")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_name_may_be_as_long_as_a_file_system_allows(tmp_path: Path) -> None:
    write_atomically(tmp_path / ("x" * 251 + ".png"), b"1")
    assert len(list(tmp_path.iterdir())) == 1


def test_files_have_the_permissions_of_any_file(tmp_path: Path) -> None:
    write_atomically(tmp_path / "ours", b"")
    (tmp_path / "any").write_bytes(b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "any").stat().st_mode


def test_a_folder_is_there_with_all_its_files_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder_atomically(tmp_path / "whole", {"a": b"1", "deep/b": b"2"})
    assert (tmp_path / "whole" / "deep" / "b").read_bytes() == b"2"
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_folder_atomically(tmp_path / "other", {"a": b"1"})
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]


def test_leftovers_of_killed_writers_are_removed_and_nothing_else(tmp_path: Path) -> None:
    ours = (".a.0123abcd.tmp", ".last.ckpt.x1y2z3w4", "deep/.b.csv.00000000.tmp")
    others = ("a.0123abcd.tmp", ".a.tmp", ".a.0123abcd.tmp2", ".a.0123ABCD.tmp", "deep/.gitignore")
    (tmp_path / "deep").mkdir()
    for name in (*ours, *others):
        (tmp_path / name).touch()
    (tmp_path / ".c.01234567.tmp").mkdir()
    (tmp_path / ".c.01234567.tmp" / "file").touch()
    remove_leftovers(tmp_path)
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == set(others)
    assert not (tmp_path / ".c.01234567.tmp").exists()


def test_what_is_being_written_is_no_leftover(tmp_path: Path) -> None:
    with _temporary(tmp_path / "file") as file:
        remove_leftovers(tmp_path)
        assert Path(file.name).exists()
    remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_table_has_a_column_for_every_key_of_any_row(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [{"b": 1}, {"c": "x,\udcff", "a": None}], ["a"])
    assert (tmp_path / "a.csv").read_text() == 'a,b,c\n,1,\n,,"x,\\xff"\n'
    write_csv(tmp_path / "empty.csv", [], ["a", "b"])
    assert (tmp_path / "empty.csv").read_text() == "a,b\n"


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    check_writable(tmp_path / "new" / "deep", "It", "out=<folder>")
    assert not (tmp_path / "new").exists()
    with pytest.raises(UserError, match=r"^It cannot be made: .*file is not a folder .*by out=<folder>\.$"):
        check_writable(tmp_path / "file" / "deep", "It", "out=<folder>")
    with pytest.raises(UserError, match="It cannot be made: File name too long"):
        check_writable(tmp_path / ("x" * 300), "It", "out=<folder>")


def test_what_a_file_system_refuses_is_the_users_matter() -> None:
    told = str(disk_error(OSError(errno.ENOSPC, "No space left on device", "/a/b")))
    assert told.startswith("/a/b: No space left on device (the disk is full; make room)")
    assert disk_error(OSError(errno.EBADF, "Bad file descriptor")) is None
    assert disk_error(OSError("of no number")) is None


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for read in (open_file, read_text, read_json, read_arrays):
        with pytest.raises(OSError, match="it is no file"):
            read(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff", "utf-8"),
        (b"{", "Expecting"),
        (b"[" * 100_000, "nested too deeply"),
        (b"x" * 101, "more than"),
    ],
)
def test_what_is_no_json(content: bytes, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(content)
    if said == "more than":
        with pytest.raises(ValueError, match="more than 0 MiB"):
            read_text(tmp_path / "file", 100)
        assert read_text(tmp_path / "file", 101) == "x" * 101
        return
    with pytest.raises(ValueError, match=said):
        read_json(tmp_path / "file")


def test_yaml_that_repeats_parts_of_itself_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: [1, 2]\nb: {c: d}\n")
    check_yaml(path)
    for text, said in (("a: &x [1]\nb: *x\n", r"repeats a part by \*x"), ("a: [", "while parsing")):
        path.write_text(text)
        with pytest.raises(ValueError, match=said):
            check_yaml(path)


def test_arrays_are_read_up_to_a_size_and_never_as_objects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, zeros=np.zeros(1000))
    assert read_arrays(path)["zeros"].shape == (1000,)
    monkeypatch.setattr("pellucid.system.files.LARGEST_ARRAYS", 7999)
    with pytest.raises(ValueError, match="it unpacks to 0 MiB"):
        read_arrays(path)
    monkeypatch.undo()
    np.savez(path, objects=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        read_arrays(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="not a zip file"):
        read_arrays(path)
