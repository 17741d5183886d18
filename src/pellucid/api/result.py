"""What a question to a run or a net gives: numbers, a table, pictures, which show themselves."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pellucid.draw.figures import Figures
from pellucid.errors import UserError, did_you_mean
from pellucid.system.figure_formats import FORMATS
from pellucid.system.files import write_atomically, write_csv


@dataclass(frozen=True, repr=False, eq=False)
class Result:
    """What was found: ``rows`` of a table, ``arrays`` and ``figures`` by their names.

    ``text``: what a terminal shows of it. A notebook shows text and figures. ``texts``: files' contents
    by their endings.
    """

    text: str
    rows: Sequence[Mapping[str, Any]] = ()
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    figures: Figures = field(default_factory=lambda: Figures({}))
    texts: Mapping[str, str] = field(default_factory=dict)

    def figure(self, name: str | None = None) -> Image.Image:
        """The picture of that name, by default the first. Raises UserError where there is none."""
        if not self.figures:
            raise UserError("There is no picture of this.")
        name = next(iter(self.figures)) if name is None else name
        if name not in self.figures:
            there = ", ".join(self.figures)
            raise UserError(
                f"figure={name}: expected one of {there}.{did_you_mean(name, list(self.figures))}"
            )
        return self.figures[name]

    def save(self, path: str | Path) -> Path:
        """Write it: the first picture to a ``.png``, ``.pdf`` or ``.svg``, the rows to a ``.csv``, the arrays
        to an ``.npz``, all into a folder. The path. Raises UserError where there is none of that kind, and
        for another ending.
        """
        path = Path(path).expanduser()
        if path.suffix.removeprefix(".") in FORMATS:
            self.figure()  # told where there is none
            name = next(iter(self.figures))
            write_atomically(path, self.figures.content(name, path.suffix.removeprefix(".")))
        elif path.suffix in self.texts:
            write_atomically(path, f"{self.texts[path.suffix]}\n".encode())
        elif path.suffix == ".csv":
            if not self.rows:
                raise UserError(f"{path}: there is no table of this.")
            write_csv(path, [dict(row) for row in self.rows])
        elif path.suffix == ".npz":
            if not self.arrays:
                raise UserError(f"{path}: there are no arrays of this.")
            content = io.BytesIO()
            np.savez_compressed(content, **dict(self.arrays))  # type: ignore[arg-type]
            write_atomically(path, content.getvalue())
        elif path.suffix[1:].isalpha() and not path.is_dir():
            known = sorted({*(f".{name}" for name in FORMATS), *self.texts, ".csv", ".npz"})
            raise UserError(f"{path}: expected a name that ends in {', '.join(known)}, or a folder's.")
        else:
            for name in self.figures:
                write_atomically(path / f"{name}.png", self.figures.content(name))
            for suffix, found in ((".csv", self.rows), (".npz", self.arrays)):
                if found:
                    self.save(path / f"table{suffix}" if suffix == ".csv" else path / f"arrays{suffix}")
        return path

    def to_pandas(self) -> Any:
        """The rows as a DataFrame. Raises UserError without pandas."""
        try:
            import pandas
        except ImportError as error:
            raise UserError("to_pandas() needs pandas: pip install pandas.") from error
        return pandas.DataFrame(list(self.rows))

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return preformatted(self.text) + self.figures._repr_html_()


def preformatted(text: str) -> str:
    """A text as a notebook shows it, in columns."""
    style = "font-family: monospace; line-height: 1.2; white-space: pre; overflow-x: auto"
    return f'<pre style="{style}">{escape(text)}</pre>' if text else ""
