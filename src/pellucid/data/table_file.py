"""The file of a table as texts: csv and tsv of any encoding and delimiter, JSON lines, Parquet."""

from __future__ import annotations

import codecs
import csv
import json
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from pellucid.data.opening import EXTENSIONS
from pellucid.errors import UserError, counted, first_line

DELIMITED = (".csv", ".tsv", ".tab", ".txt")
JSON_LINES = (".jsonl", ".ndjson")
PARQUET = (".parquet", ".pq")
EXPECTED = "a file of kind csv, tsv, parquet or jsonl, with the names of its columns and a row for each image"
DELIMITERS = (",", ";", "\t", "|")
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before those of UTF-16, with which it begins
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
STRANGERS = {
    b"PK\x03\x04": "an Excel workbook or a ZIP archive: save the sheet as CSV, or unpack it",
    b"\xd0\xcf\x11\xe0": "an Excel workbook: save the sheet as CSV",
    b"\x1f\x8b": "compressed: unpack it",
    b"PAR1": "Parquet: name it .parquet",
}
LIST = "\x1f"  # between the values of a cell that holds a list
SNIFFED = 2**16  # characters
CHUNK = 2**8  # rows; of more at a time the garbage collector makes much work
BATCH = 2**14  # rows of a Parquet file
MAX_KNOWN = 2**15  # texts of a column that are looked for among those of before
WHOLE = re.compile(r"[+-]?\d+(\.0*)?")
FLAGS = {  # by their lower case
    **dict.fromkeys(("0", "0.0", "false", "no"), False),
    **dict.fromkeys(("1", "1.0", "true", "yes"), True),
}
MISSING = {"", "nan", "na", "n/a", "null", "none"}  # in a column of numbers


@dataclass(frozen=True)
class Rows:
    """The N rows of a table by column: stripped texts, empty where a cell is, lists joined by ``LIST``.

    ``lines``: the line of each row in the file, from 1. ``ragged``: lines with another number of cells than
    the head, which are no rows. ``encoding``: the one that was chosen; empty where the file says it.
    """

    columns: dict[str, list[str]]
    lines: Sequence[int]
    ragged: dict[int, str] = field(default_factory=dict)
    encoding: str = ""
    decimal_comma: bool = False

    def __len__(self) -> int:
        return len(self.lines)

    @cached_property
    def kinds(self) -> dict[str, str]:
        """Of each column ``list``, ``flag`` (0 and 1, true and false), ``integer``, ``number``, ``text``, or
        ``empty``.
        """
        return {name: self._kind(column) for name, column in self.columns.items()}

    def _kind(self, column: list[str]) -> str:
        if any(LIST in text for text in column):
            return "list"
        first = {text for text in column[:CHUNK] if text.lower() not in MISSING}
        return "text" if self._kind_of(first) == "text" else self._kind_of({*column})

    def _kind_of(self, values: set[str]) -> str:
        lower = {value.lower() for value in values} - {""}
        if lower and lower <= FLAGS.keys():
            return "flag"
        lower -= MISSING
        if not lower:
            return "text" if values - {""} else "empty"
        if all(WHOLE.fullmatch(value) for value in lower):
            return "integer"
        return "number" if all(self.number(value) is not None for value in lower) else "text"

    def number(self, value: str) -> float | None:
        """The number that a cell holds, NaN for a missing one; None for another text."""
        if value.lower() in MISSING:
            return float("nan")
        try:
            return float(value.replace(",", ".", 1) if self.decimal_comma else value)
        except ValueError:
            return None


def read_rows(path: Path, encoding: str = "auto") -> Rows:
    """The rows of the table at ``path``. Raises UserError where it is none, or has no rows."""
    _check_file(path)
    ending = path.suffix.lower()
    if ending in PARQUET:
        rows = _read_parquet(path)
    elif ending in (*JSON_LINES, *DELIMITED):
        rows = _read_text(path, encoding)
    else:
        raise UserError(f"data.path={path}: of what kind it is, its name does not say. Expected {EXPECTED}.")
    if len(rows) == 0 and not rows.ragged:
        names = ", ".join(rows.columns)
        raise UserError(
            f"data.path={path}: the table has no rows, only a head ({names}). Expected {EXPECTED}."
        )
    return rows


def _check_file(path: Path) -> None:
    if path.is_dir():
        tables = [file.name for file in sorted(path.iterdir()) if file.suffix.lower() in (".csv", ".tsv")]
        inside = f" In it is {tables[0]}: data.path={path / tables[0]}?" if tables else ""
        raise UserError(
            f"data.path={path}: a folder.{inside} Expected {EXPECTED}. A folder of class folders is "
            f"data=image_folder data.root={path}."
        )
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except FileNotFoundError:
        raise UserError(f"data.path={path}: there is no such file. Expected {EXPECTED}.") from None
    except OSError as error:
        raise UserError(f"data.path={path} cannot be read ({error.strerror}).") from error
    if not head:
        raise UserError(f"data.path={path}: the file is empty. Expected {EXPECTED}.")
    kind = next((kind for magic, kind in STRANGERS.items() if head.startswith(magic)), None)
    if kind and not (head == b"PAR1" and path.suffix.lower() in PARQUET):
        raise UserError(f"data.path={path} is {kind}. Expected {EXPECTED}.")


def _encodings(path: Path, asked: str) -> list[str]:
    """Those to be tried, in order. Raises UserError for an encoding that there is not."""
    if asked != "auto":
        try:
            "".encode(asked)  # which refuses those that are not of texts
        except LookupError:
            raise UserError(
                f"data.encoding={asked}: Python knows no such encoding. Expected auto, utf-8, cp1252, "
                "cp1251, gb18030, shift_jis, …"
            ) from None
        return [asked]
    with path.open("rb") as file:
        head = file.read(4096)
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if head.startswith(mark):
            return [encoding]
    low, high = head[::2].count(0), head[1::2].count(0)
    if low + high > len(head) // 4:  # Latin letters in UTF-16, whose mark was left out
        return ["utf-16-le" if high > low else "utf-16-be"]
    return ["utf-8", "cp1252", "latin-1"]


def _read_text(path: Path, asked: str) -> Rows:
    """As the first encoding that fits. Raises UserError where none does, or the text is no table."""
    encodings, error = _encodings(path, asked), ""
    for encoding in encodings:
        try:
            with path.open(encoding=encoding, newline="") as file:
                rows = _read_lines(path, file)
        except UnicodeError as problem:
            error = first_line(problem)
            continue
        guessed = asked == "auto" and encoding not in ("utf-8", *BYTE_ORDER_MARKS.values())
        return Rows(rows.columns, rows.lines, rows.ragged, encoding if guessed else "", rows.decimal_comma)
    raise UserError(
        f"data.path={path} cannot be read as {encodings[-1]} ({error}). Name its encoding by "
        "data.encoding=…, or save it as UTF-8."
    )


def _read_lines(path: Path, file: TextIO) -> Rows:
    return _read_json(path, file) if path.suffix.lower() in JSON_LINES else _read_csv(path, file)


@dataclass
class _Column:
    """The cells of a column; texts that come again are kept once, where they do so often."""

    cells: list[str] = field(default_factory=list)
    known: dict[str, str] | None = field(default_factory=dict)

    def extend(self, cells: Iterable[str]) -> None:
        if self.known is None:
            self.cells.extend(cells)
            return
        known = self.known
        self.cells.extend([known.setdefault(cell, cell) for cell in cells])
        if len(known) > MAX_KNOWN:
            self.known = None


def _read_csv(path: Path, file: TextIO) -> Rows:
    delimiter = _delimiter(file.read(SNIFFED), path)
    file.seek(0)
    reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True)
    try:
        head = next((cells for cells in reader if any(cells)), [])
        names = [cell.strip().lstrip("\ufeff") for cell in head]
        while names and not names[-1]:
            names.pop()
        _check_head(path, names)
        columns, lines, ragged = [_Column() for _ in names], array("q"), dict[int, str]()
        for rows in _chunks(reader, len(names), delimiter, lines, ragged):
            for column, cells in zip(columns, zip(*rows, strict=True), strict=True):
                column.extend([cell.strip() for cell in cells])
    except csv.Error as error:
        raise UserError(
            f"data.path={path}, line {reader.line_num}: {error}. A quote that is not closed? "
            f"Expected {EXPECTED}."
        ) from error
    named = {name: column.cells for name, column in zip(names, columns, strict=True) if name}
    return Rows(named, lines, ragged, decimal_comma=delimiter != ",")


def _chunks(
    reader: Any, width: int, delimiter: str, lines: array[int], ragged: dict[int, str]
) -> Iterator[list[list[str]]]:
    """The rows of that width, many at a time; the lines of them, and what other rows hold, are added."""
    rows = []
    for row in reader:
        if len(row) != width:
            if not any(row):
                continue
            if len(row) < width or any(row[width:]):
                ragged[reader.line_num] = delimiter.join(row)
                continue
            row = row[:width]  # ends in delimiters
        rows.append(row)
        lines.append(reader.line_num)
        if len(rows) == CHUNK:
            yield rows
            rows = []
    if rows:
        yield rows


def _delimiter(text: str, path: Path) -> str:
    """The one that cuts the first lines into equally many cells, and most of them."""
    lines = text.splitlines()
    lines = lines[:-1] if len(text) == SNIFFED else lines
    fits: dict[str, tuple[float, int]] = {}
    for delimiter in DELIMITERS:
        try:
            widths = [len(row) for row in csv.reader(lines[:100], delimiter=delimiter) if any(row)]
        except csv.Error:
            continue
        if widths and widths[0] > 1:
            fits[delimiter] = (widths.count(widths[0]) / len(widths), widths[0])
    first = "\t" if path.suffix.lower() in (".tsv", ".tab") else ","
    return max(fits, key=lambda delimiter: (fits[delimiter], delimiter == first), default=first)


def _check_head(path: Path, names: Sequence[str]) -> None:
    """Raise UserError where the first row is no head, or names a column twice."""
    if not any(names):
        raise UserError(f"data.path={path}: the file has empty lines alone. Expected {EXPECTED}.")
    image = next((name for name in names if Path(name).suffix.lower() in EXTENSIONS), None)
    if image:
        raise UserError(
            f"data.path={path}: the first row, {', '.join(names[:5])}, names an image, so the names of the "
            "columns are missing. Write a line such as file,label above it."
        )
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise UserError(
            f"data.path={path}: {counted(len(twice), 'column')} named twice: {', '.join(twice)}. Expected a "
            "name of its own for each."
        )


def _read_json(path: Path, file: TextIO) -> Rows:
    columns: dict[str, _Column] = {}
    lines = array("q")
    numbered = ((number, line) for number, line in enumerate(file, start=1) if not line.isspace())
    while chunk := list(islice(numbered, CHUNK)):
        records = [_record(path, number, line) for number, line in chunk]
        names = dict.fromkeys(str(name).strip() for record in records for name in record)
        for name in names:
            if name and name not in columns:
                columns[name] = _Column([""] * len(lines))
        for name, column in columns.items():
            column.extend([_text(record.get(name)) for record in records])
        lines.extend(number for number, _ in chunk)
    if not columns:
        raise UserError(f"data.path={path}: no line names anything. Expected {EXPECTED}.")
    return Rows({name: column.cells for name, column in columns.items()}, lines)


def _record(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"data.path={path}, line {number} is no JSON ({first_line(error)}). Expected a line such as "
            '{"file": "a.jpg", "label": "cat"} for each image.'
        ) from error
    if not isinstance(record, dict):
        raise UserError(
            f"data.path={path}, line {number}: expected names and values, "
            f'{{"file": "a.jpg", "label": "cat"}}, got {line.strip()[:60]}.'
        )
    return record


def _read_parquet(path: Path) -> Rows:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise UserError(
            f"data.path={path}: Parquet is read by pyarrow, which is missing. pip install "
            "'pellucid[parquet]', or save the table as CSV."
        ) from None
    try:
        file = parquet.ParquetFile(path)
        names = [str(name) for name in file.schema_arrow.names]
        _check_head(path, names)
        columns = {name: _Column() for name in names if not re.fullmatch(r"__index_level_\d+__", name)}
        for batch in file.iter_batches(BATCH, columns=list(columns)):
            for name, cells in zip(batch.schema.names, batch.columns, strict=True):
                columns[name].extend(map(_text, cells.to_pylist()))
        count = file.metadata.num_rows
    except (ArrowException, OSError) as error:
        raise UserError(
            f"data.path={path} is no Parquet file, or a damaged one ({first_line(error)})."
        ) from error
    return Rows({name: column.cells for name, column in columns.items()}, range(1, count + 1))


def _text(value: object) -> str:
    """A cell as a csv would have it; a list's values joined."""
    if isinstance(value, str):
        return value.strip()
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return LIST.join(map(_text, value)) + (LIST if len(value) == 1 else "")
    if isinstance(value, float) and value.is_integer():
        return f"{value:.1f}"
    return str(value)
