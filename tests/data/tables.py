"""Tables of small photos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.fakes import write_photos

KINDS = ("oak", "elm", "yew")


def write_table(root: Path, head: str, lines: Sequence[str], name: str = "labels.csv") -> Path:
    """A table with these lines, as text."""
    root.mkdir(parents=True, exist_ok=True)
    path = root / name
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    return path


def write_photo_table(root: Path, count: int = 30, *, more: str = "", cells: str = "") -> Path:
    """``file,kind`` and ``more`` columns for so many photos of oaks, elms and yews, in folders ``0/``, ….

    ``cells`` are those of more columns, with ``{n}`` for the row's number and ``{kind}`` for its kind.
    """
    write_photos(root, {str(k): count // 3 for k in range(3)})
    lines = [
        f"{n % 3}/{n // 3:03d}.jpg,{KINDS[n % 3]}{cells.format(n=n, kind=KINDS[n % 3])}"
        for n in range(count // 3 * 3)
    ]
    return write_table(root, f"file,kind{more}", lines)
