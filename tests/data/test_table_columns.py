"""Columns that are found, and those that are asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pellucid.data.table_columns import Asked, Columns, find_columns
from pellucid.data.table_file import Rows
from pellucid.errors import UserError

FILES = ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
KINDS = ["oak", "elm", "oak", "elm"]
FLAGS, OTHERS = ["0", "1", "1", "0"], ["1", "1", "0", "0"]
FRACTIONS = ["0.5", "1.5", "2.5", "3.5"]
SPLITS = ["train", "train", "val", "test"]


def find(columns: dict[str, list[str]], classes: list[str] | None = None, **asked: Any) -> Columns:
    rows = Rows(columns, range(2, 6))
    return find_columns(Path("labels.csv"), rows, Asked(**asked), classes)


@pytest.mark.parametrize(
    ("columns", "file", "label"),
    [
        ({"file": FILES, "label": KINDS}, "file", ["label"]),
        ({"species": KINDS, "x": FILES}, "x", ["species"]),
        ({"": FLAGS, "image": FILES, "Class Name": KINDS}, "image", ["Class Name"]),
        ({"mask": FILES, "image_path": FILES, "label": KINDS}, "image_path", ["label"]),
        (
            {"id": ["1", "2", "3", "4"], "image_id": ["x1", "x2", "x3", "x4"], "label": KINDS},
            "image_id",
            ["label"],
        ),
        ({"id_code": ["x1", "x2", "x3", "x4"], "diagnosis": FLAGS}, "id_code", ["diagnosis"]),
        ({"file": FILES, "label": FLAGS, "label_name": KINDS}, "file", ["label_name"]),
        ({"file": FILES, "cat": FLAGS, "dog": OTHERS}, "file", ["cat", "dog"]),
        ({"file": FILES, "age": FRACTIONS}, "file", ["age"]),
        ({"file": FILES, "x": FRACTIONS, "y": FRACTIONS}, "file", ["x", "y"]),
        ({"file": FILES, "species": KINDS, "height": FRACTIONS}, "file", ["species"]),
        ({"file": FILES, "kind": KINDS, "note": ["so", "or", "not", "at all"]}, "file", ["kind"]),
        ({"file": FILES, "kind": KINDS, "none": [""] * 4}, "file", ["kind"]),
        ({"file": FILES, "weight": FRACTIONS}, "file", ["weight"]),
    ],
)
def test_files_and_labels_are_found(columns: dict[str, list[str]], file: str, label: list[str]) -> None:
    found = find({name: column for name, column in columns.items() if name})
    assert (found.file, list(found.label)) == (file, label)
    assert {"file", "label"} <= {*found.guessed}
    assert found.split is found.group is found.weight is None


def test_split_weight_and_group_are_found() -> None:
    columns = {
        "file": FILES,
        "label": KINDS,
        "Split": SPLITS,
        "sample_weight": FRACTIONS,
        "patient_id": KINDS,
    }
    found = find(columns)
    assert (found.split, found.weight, found.group) == ("Split", "sample_weight", "patient_id")
    assert found.roles() == {
        "file": "file",
        "label": "label",
        "Split": "split",
        "sample_weight": "weight",
        "patient_id": "group",
    }
    none = find(columns, split=None, weight=None, group=None)
    assert none.split is none.weight is none.group is None
    assert none.guessed == ["file", "label"]


def test_what_is_no_split_is_not_taken_for_one() -> None:
    assert find({"file": FILES, "label": KINDS, "fold": FLAGS}).split is None
    assert find({"file": FILES, "label": KINDS, "subset": SPLITS}).split == "subset"
    assert find({"file": FILES, "label": KINDS, "split": FLAGS}).split == "split", "whose values are told"


def test_what_is_asked_for_is_not_guessed() -> None:
    columns = {"image": FILES, "mask": FILES, "label": KINDS, "kind": KINDS, "fold": SPLITS}
    found = find(columns, file="mask", label="kind", split="fold", weight=None, group=None)
    assert (found.file, found.label, found.split, found.guessed) == ("mask", ("kind",), "fold", [])
    assert find(columns, label=["kind", "label"]).label == ("kind", "label")
    assert find(columns, split="label").label == ("kind",), "a column is one thing"


def test_columns_called_as_the_classes_are_the_labels() -> None:
    columns = {"file": FILES, "label": KINDS, "cat": FLAGS, "dog": FLAGS}
    assert find(columns, ["dog", "cat"]).label == ("dog", "cat")
    assert find(columns, ["oak", "elm"]).label == ("label",)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"label": "lable"},
            r"data\.label=lable: there is no such column\. Did you mean 'label'\?.*columns file, ",
        ),
        (
            {"file": "image", "label": ["kin", "x"]},
            r"data\.file=image: .*data\.label=kin: .*'kind'.*data\.label=x: ",
        ),
        ({"label": "kind", "group": "kind"}, "kind stands for two of them"),
        ({"label": []}, r"data\.label=\[\]: expected a column"),
    ],
)
def test_columns_that_cannot_be_are_told(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        find({"file": FILES, "label": KINDS, "kind": KINDS}, **asked)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"label": KINDS, "kind": KINDS}, r"no column holds names of image files \(label, kind\)"),
        ({"file": FILES}, "which column is the label.*only files are there"),
        ({"file": FILES, "genus": KINDS, "kind": KINDS}, r"it may be genus, kind\. Name it.*data\.label="),
        ({"file": FILES, "one": ["a", "b", "c", "d"], "two": ["e", "f", "g", "h"]}, "it may be one, two"),
    ],
)
def test_what_the_table_does_not_tell_is_asked(columns: dict[str, list[str]], message: str) -> None:
    with pytest.raises(UserError, match=message):
        find(columns)
