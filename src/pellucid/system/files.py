"""Files: written whole or not at all; read as what they are, data that a stranger may have made."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import re
import secrets
import shutil
import stat
import struct
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import yaml

from pellucid.errors import UserError, encodable, first_line
from pellucid.system.lock import lock_handle

TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}\.tmp|\..+\.ckpt\.\w{8}")  # the second of the first versions
LARGEST_TEXT = 2**26  # bytes of a JSON or CSV file that is read
LARGEST_YAML = 2**20
YAML_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # that of libyaml is 20 times as fast
LARGEST_ARRAYS = 2**29  # bytes of the arrays of a file, unpacked
REFUSED = {  # what a file system says where the user must do something, and what
    errno.ENOSPC: "the disk is full; make room",
    errno.EDQUOT: "your quota on that disk is used up; make room",
    errno.EROFS: "that file system can only be read; name another folder",
    errno.EACCES: "you may not write or read there; name another folder",
    errno.EPERM: "you may not write there; name another folder",
    errno.ENAMETOOLONG: "the name is too long; name another folder",
    errno.EEXIST: "a file is in the way; name another folder",
    errno.ELOOP: "it is a link; put what it leads to in its place",
    errno.ENOTDIR: "a part of the path is a file; name another folder",
    errno.EISDIR: "it is a folder; name another file",
    errno.EIO: "the disk fails",
    errno.ESTALE: "the file system has gone",
}


def write_atomically(path: Path, content: bytes | memoryview) -> None:
    """Write the whole file or nothing: the old one stays until the new one is complete on disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _temporary(path) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def _temporary(path: Path) -> BinaryIO:
    """A new file beside ``path``, locked while it is open, so that one is known that nobody writes."""
    while True:
        temporary = path.with_name(f".{path.name[:40]}.{secrets.token_hex(4)}.tmp")
        file = temporary.open("xb")
        lock_handle(file.fileno())
        if os.fstat(file.fileno()).st_nlink:  # not taken for a leftover before it was locked
            return file
        file.close()


def write_folder_atomically(folder: Path, contents: Mapping[str, bytes]) -> None:
    """A folder that is not there yet, with all the files of these names or not at all."""
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.tmp")
    temporary.mkdir(parents=True)
    try:
        for name, content in contents.items():
            path = temporary / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        temporary.rename(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def remove_leftovers(folder: Path) -> None:
    """Remove what writers that were killed have left in the folder, at any depth, and nothing else."""
    for path in folder.rglob(".*"):
        if not TEMPORARY.fullmatch(path.name):
            continue
        with suppress(OSError):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                with open_file(path) as file:
                    if lock_handle(file.fileno()):
                        path.unlink()


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> None:
    """Write rows as a table, ``columns`` and then one for every other key of any row; whole or not at all."""
    columns = list(dict.fromkeys((*columns, *(key for row in rows for key in row))))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, encodable(text.getvalue()).encode())


def check_writable(folder: Path, what: str, option: str) -> None:
    """Raise UserError where ``folder``, told as ``what``, cannot be made; ``option`` names another one."""
    try:
        path = folder.absolute()
        while not path.exists():
            path = path.parent
        if path.is_dir() and os.access(path, os.W_OK | os.X_OK):
            return
        reason = f"{path} is not a folder that you may write to"
    except OSError as error:
        reason = f"{error.strerror or error}"
    raise UserError(f"{what} cannot be made: {reason}. Choose another one by {option}.")


def disk_error(error: OSError) -> UserError | None:
    """What a file system refuses, as a user's matter; None for any other error."""
    reason = REFUSED.get(error.errno or 0)
    if reason is None:
        return None
    where = f"{os.fsdecode(error.filename)}: " if error.filename is not None else ""
    return UserError(f"{where}{error.strerror or first_line(error)} ({reason}). What was there is as it was.")


def open_file(path: Path) -> BinaryIO:
    """A file to read. Raises OSError, also for a pipe or device, which might be waited for."""
    return open(descriptor(path, os.O_RDONLY | getattr(os, "O_BINARY", 0)), "rb")


def descriptor(path: Path, flags: int) -> int:
    """As ``os.open`` gives it. Raises OSError, also for what is no plain file, which is not waited for."""
    handle = os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o666)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is no file", str(path))
    return handle


def read_text(path: Path, largest: int = LARGEST_TEXT) -> str:
    """A text file's content. Raises OSError, and ValueError where it is none, or larger than expected."""
    with open_file(path) as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise ValueError(f"more than {largest // 2**20} MiB")
    return content.decode("utf-8")


def read_json(path: Path) -> Any:
    """What a JSON file holds. Raises OSError, and ValueError where it cannot be read."""
    try:
        return json.loads(read_text(path))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def check_yaml(path: Path) -> None:
    """Raise OSError, or ValueError for a file that is no YAML, too large, or repeats parts of itself."""
    try:
        for event in yaml.parse(read_text(path, LARGEST_YAML), Loader=YAML_LOADER):
            if isinstance(event, yaml.AliasEvent):
                raise ValueError(f"it repeats a part by *{event.anchor}")
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(first_line(error)) from error


def check_packed(file: Path | BinaryIO, largest: int) -> None:
    """Raise ValueError for a zip file that is none, or unpacks to more bytes than ``largest``."""
    try:
        with zipfile.ZipFile(file) as packed:
            size = sum(entry.file_size for entry in packed.infolist())
    except (zipfile.BadZipFile, NotImplementedError, struct.error) as error:
        raise ValueError(first_line(error)) from error
    if size > largest:
        raise ValueError(f"it unpacks to {size / 2**20:,.0f} MiB, expected at most {largest / 2**20:,.0f}")


def check_stored(path: Path) -> None:
    """Raise ValueError unless it is the kind of file that ``torch.save`` writes: a zip with nothing packed.

    What is packed may unfold to any size; the older kind of file tells only while it is read what it holds.
    """
    check_packed(path, path.stat().st_size)
    with zipfile.ZipFile(path) as archive:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            raise ValueError("it is packed")


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz file. Raises OSError, and ValueError where it cannot be read."""
    try:
        with open_file(path) as file:
            check_packed(file, LARGEST_ARRAYS)
            file.seek(0)
            with np.load(file, allow_pickle=False) as arrays:
                return dict(arrays)
    except OSError:
        raise
    except Exception as error:  # NumPy and zlib raise many kinds for a file that was changed
        raise ValueError(first_line(error)) from error
