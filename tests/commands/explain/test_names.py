"""Names of what is written of each file."""

from __future__ import annotations

from pathlib import Path

from pellucid.commands.explain.names import OutputNames


def test_every_file_has_a_name_of_its_own(tmp_path: Path) -> None:
    files = [
        tmp_path / "a" / "b.png",
        tmp_path / "a_b.png",
        *(tmp_path / f"{n}{'猫' * 80}.png" for n in "12"),
    ]
    names = [OutputNames(files, tmp_path).name(file) for file in files]
    assert names[:2] == ["a_b.png", "a_b.png_2"]
    assert names[2:] == ["猫" * 52 + ".png", "猫" * 52 + ".png_2"]
