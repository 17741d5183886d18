"""Names of the files that are written of images."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

MAX_BYTES = 160  # of a file's name, so that a layer's can follow


class OutputNames:
    """Names of what is written of each file, none twice, and of the file as it is shown."""

    def __init__(self, files: Sequence[Path], base: Path) -> None:
        self.base = base
        used: set[str] = set()
        self._names: dict[Path, str] = {}
        for file in files:
            joined = "_".join(Path(self.shown(file)).parts)
            end = os.fsencode(joined)[-MAX_BYTES:].decode(errors="ignore")
            name = first = joined if len(os.fsencode(joined)) <= MAX_BYTES else end
            number = 1
            while name in used:
                number += 1
                name = f"{first}_{number}"
            used.add(name)
            self._names[file] = name

    def shown(self, file: Path) -> str:
        """Its path from the base."""
        return os.path.relpath(file, self.base)

    def name(self, file: Path) -> str:
        """The path from the base in one piece, another for each file, without an ending."""
        return self._names[file]


def folder_of(file: Path) -> str:
    """The name of the folder that a file lies in."""
    return file.absolute().parent.name
