"""Tables as people write them: encodings, delimiters, quotes, ends of lines; and files that are none."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import pytest

from pellucid.data import table_file
from pellucid.data.table_file import LIST, read_rows
from pellucid.errors import UserError
from tests.helpers import unprivileged

TEXT = "file,label\na.jpg,cat\nb.jpg,Bär\n"
EXPECTED = {"file": ["a.jpg", "b.jpg"], "label": ["cat", "Bär"]}


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (TEXT.encode(), ""),
        (TEXT.encode("utf-8-sig"), ""),
        (TEXT.replace("\n", "\r\n").encode(), ""),
        (TEXT.replace("\n", "\r").encode(), ""),
        (TEXT.encode("utf-16"), ""),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), ""),
        (TEXT.encode("utf-16-le"), "utf-16-le"),
        (TEXT.encode("utf-16-be"), "utf-16-be"),
        (TEXT.encode("utf-32"), ""),
        (TEXT.encode("cp1252"), "cp1252"),
        (TEXT.replace(",", ";").encode(), ""),
        (TEXT.replace(",", "\t").encode(), ""),
        (TEXT.replace(",", "|").encode(), ""),
        (TEXT.replace(",", " , ").encode(), ""),
        (TEXT.replace("cat", '"cat"').replace("file", '"file"').encode(), ""),
        (TEXT.replace("\n", ",,\n").encode(), ""),
        (TEXT.replace("\n", "\n\n").encode(), ""),
    ],
)
def test_texts_of_every_kind_are_the_same_table(tmp_path: Path, content: bytes, encoding: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    rows = read_rows(path)
    assert rows.columns == EXPECTED
    assert rows.encoding == encoding
    assert not rows.ragged


def test_an_encoding_may_be_named(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes("file,label\na.jpg,кот\n".encode("cp1251"))
    assert read_rows(path).columns["label"] == ["êîò"]
    assert read_rows(path, "cp1251").columns["label"] == ["кот"]
    for wrong, message in (("utf-9", "Python knows no such encoding"), ("utf-8", "cannot be read as utf-8")):
        with pytest.raises(UserError, match=message):
            read_rows(path, wrong)


def test_quotes_hold_delimiters_and_ends_of_lines(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(b'file,label\r\n"a, b.jpg","one\r\ntwo ""so"""\r\nc.jpg,three\r\n')
    rows = read_rows(path)
    assert rows.columns["file"] == ["a, b.jpg", "c.jpg"]
    assert rows.columns["label"][0] == 'one\r\ntwo "so"'
    assert list(rows.lines) == [3, 4]


def test_rows_of_another_width_are_kept_apart(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("file,label\na.jpg,cat\nb.jpg\nc.jpg,cat,dog\nd.jpg,dog\n")
    rows = read_rows(path)
    assert rows.columns["file"] == ["a.jpg", "d.jpg"]
    assert rows.ragged == {3: "b.jpg", 4: "c.jpg,cat,dog"}


def test_the_delimiter_is_the_one_that_cuts_evenly(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("file;x;tags\na.jpg;1,5;a,b\nb.jpg;2,25;c\n")
    rows = read_rows(path)
    assert rows.columns["x"] == ["1,5", "2,25"]
    assert rows.kinds["x"] == "number"
    assert rows.number("2,25") == 2.25
    path.write_text("file,tags\na.jpg,a;b;c\nb.jpg,c;d\n")
    assert read_rows(path).columns["tags"] == ["a;b;c", "c;d"]


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["0", "1"], "flag"),
        (["true", "False", ""], "flag"),
        (["3", "12", ""], "integer"),
        (["3.0", "nan"], "integer"),
        (["3.5", "1e-3", "NaN"], "number"),
        (["cat", "1"], "text"),
        (["", ""], "empty"),
        (["nan", "none"], "text"),
        ([*["nan"] * 300, "2.5"], "number"),
        ([f"a{LIST}b", "c"], "list"),
    ],
)
def test_what_a_column_holds(texts: list[str], kind: str) -> None:
    assert table_file.Rows({"x": texts}, range(len(texts))).kinds["x"] == kind


def test_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    records: list[dict[str, Any]] = [
        {"file": "a.jpg", "tags": ["cat", "dog"], "x": 1.5, "ok": True},
        {"file": " b.jpg", "tags": ["cat"], "x": None, "late": "yes"},
        {"file": "c.jpg", "tags": []},
    ]
    path.write_text("\n\n".join(map(json.dumps, records)), encoding="utf-8-sig")
    rows = read_rows(path)
    assert rows.columns == {
        "file": ["a.jpg", "b.jpg", "c.jpg"],
        "tags": [f"cat{LIST}dog", f"cat{LIST}", ""],
        "x": ["1.5", "", ""],
        "ok": ["True", "", ""],
        "late": ["", "yes", ""],
    }
    assert list(rows.lines) == [1, 3, 5]
    for line, message in (("{'file': 1}", "line 2 is no JSON"), ("[1]", "line 2: expected names and values")):
        path.write_text(f"{json.dumps(records[0])}\n{line}\n")
        with pytest.raises(UserError, match=message):
            read_rows(path)


def test_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "labels.parquet"
    columns = {"file": ["a.jpg", "b.jpg"], "n": [1, None], "x": [2.0, float("nan")], "tags": [["a"], []]}
    parquet.write_table(pyarrow.table(columns), path)
    rows = read_rows(path)
    assert rows.columns == {
        "file": ["a.jpg", "b.jpg"],
        "n": ["1", ""],
        "x": ["2.0", "nan"],
        "tags": [f"a{LIST}", ""],
    }
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(UserError, match="no Parquet file, or a damaged one"):
        read_rows(path)
    path.rename(tmp_path / "labels.csv")
    with pytest.raises(UserError, match=r"is Parquet: name it \.parquet"):
        read_rows(tmp_path / "labels.csv")


def test_parquet_needs_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "labels.parquet"
    path.write_bytes(b"PAR1")
    imported = builtins.__import__

    def without(name: str, *args: Any, **options: Any) -> Any:
        if name == "pyarrow":
            raise ImportError(name)
        return imported(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=r"pip install 'pellucid\[parquet\]', or save the table as CSV"):
        read_rows(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("labels.csv", b"", "the file is empty. Expected a file of kind csv"),
        ("labels.csv", b"\n\r\n \n", "has empty lines alone"),
        ("labels.csv", b"file,label\n", r"no rows, only a head \(file, label\)"),
        ("labels.csv", b"a.jpg,cat\nb.jpg,dog\n", r"the first row, a\.jpg, cat, names an image"),
        ("labels.csv", b"file,label,label\na.jpg,cat,dog\n", "1 column named twice: label"),
        ("labels.csv", b'file,label\na.jpg,"cat\n' + b"b.jpg,dog\n" * 20_000, "quote that is not closed"),
        ("labels.csv", b"PK\x03\x04xl", "an Excel workbook or a ZIP archive: save the sheet as CSV"),
        ("labels.csv", b"\x1f\x8b\x08", "compressed: unpack it"),
        ("labels.xlsx", b"text", "of what kind it is, its name does not say"),
        ("labels.jsonl", b"{}\n", "no line names anything"),
    ],
)
def test_what_is_no_table_is_told(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as told:
        read_rows(path)
    assert str(path) in str(told.value)
    assert "\n" not in str(told.value)


def test_a_folder_and_nothing_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a folder\. Expected .* data=image_folder data\.root="):
        read_rows(tmp_path)
    (tmp_path / "labels.csv").write_text(TEXT)
    with pytest.raises(UserError, match=r"In it is labels\.csv: data\.path=.*/labels\.csv\?"):
        read_rows(tmp_path)
    with pytest.raises(UserError, match="there is no such file"):
        read_rows(tmp_path / "label.csv")


def test_a_closed_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(TEXT)
    path.chmod(0)
    with pytest.raises(UserError, match="cannot be read"):
        unprivileged(lambda: read_rows(path))
