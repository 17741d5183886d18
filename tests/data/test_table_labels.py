"""What labels are taken for, and what each row has of them."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.data.table_file import LIST, Rows
from pellucid.data.table_labels import OTHER, Labels, read_labels
from pellucid.errors import UserError
from pellucid.inside.images import UNKNOWN


def read(columns: dict[str, list[str]], asked: str = "auto", classes: list[str] | None = None) -> Labels:
    return read_labels(Rows(columns, range(len(next(iter(columns.values()))))), list(columns), asked, classes)


@pytest.mark.parametrize(
    ("columns", "kind", "classes"),
    [
        ({"kind": ["oak", "elm", "oak"]}, "class", "elm oak"),
        ({"label": ["10", "9", "9", "10"]}, "class", "9 10"),
        ({"label": ["10.0", "9.0", "9.0", "10.0"]}, "class", "9 10"),
        ({"class_id": ["2", "-1", "0", "2", "-1", "0"]}, "class", "-1 0 2"),
        ({"grade": ["0", "1", "1"]}, "class", "0 1"),
        ({"sick": ["True", "False"]}, "class", "False True"),
        ({"age": ["30", "40", "30", "7"]}, "numbers", "age"),
        ({"label": ["1", "2", "3", "4"]}, "numbers", "label"),
        ({"x": ["0.5", "1.5"]}, "numbers", "x"),
        ({"x": ["0.5", "1.5"], "n": ["1", "2"]}, "numbers", "x n"),
        ({"cat": ["0", "1"], "dog": ["1", "1"]}, "multilabel", "cat dog"),
        ({"cat": ["0", "1"], "dog": ["1", "0"]}, "class", "cat dog"),
        ({"tags": ["cat;dog", "dog", "cat"]}, "multilabel", "cat dog"),
        ({"tags": ["a|b", "b|c", "a", "", "c"]}, "multilabel", "a b c"),
        ({"tags": ["a, b", "b, c", "c, a"]}, "multilabel", "a b c"),
        ({"kind": ["tench, Tinca tinca", "crane, bird", "tench, Tinca tinca"]}, "class", None),
        ({"kind": ["great dane", "great white", "great dane"]}, "class", "great dane|great white"),
        ({"tags": [f"a{LIST}b", f"c{LIST}", ""]}, "multilabel", "a b c"),
    ],
)
def test_what_labels_are_taken_for(columns: dict[str, list[str]], kind: str, classes: str | None) -> None:
    found = read(columns)
    assert found.kind == kind
    if classes is not None:
        assert found.classes == tuple(classes.split("|" if "|" in classes else " "))


def test_a_choice_that_might_be_another_is_reasoned() -> None:
    assert read({"label": ["3", "4", "3", "4"]}).note == "2 whole numbers are taken for classes"
    assert "numbers to predict" in read({"age": ["3", "4", "5"]}).note
    assert "exactly one column" in read({"cat": ["0", "1"], "dog": ["1", "0"]}).note
    assert "';'" in read({"tags": ["cat;dog", "dog", "cat"]}).note
    assert read({"kind": ["oak", "elm"]}).note == ""


def test_the_kind_may_be_asked_for() -> None:
    assert read({"label": ["1", "2", "1", "2"]}, "numbers").targets_NK is not None
    assert read({"age": ["30", "40", "7"]}, "class").classes == ("7", "30", "40")
    assert read({"tags": ["haze primary", "clear"]}, "multilabel").classes == ("clear", "haze", "primary")
    assert read({"tags": ["great dane|cat", "cat"]}, "multilabel").classes == ("cat", "great dane")
    assert read({"kind": ["a;b", "b", "a"]}, "class").classes == ("a", "a;b", "b")
    assert read({"cat": ["0", "1"], "dog": ["1", "0"]}, "multilabel").kind == "multilabel"
    with pytest.raises(UserError, match=r"data\.labels=classes: expected auto, class, multilabel or numbers"):
        read({"kind": ["a", "b"]}, "classes")
    with pytest.raises(UserError, match=r"genus, kind holds texts.*data\.label=genus"):
        read({"genus": ["a", "b"], "kind": ["c", "d"]})


def test_classes() -> None:
    found = read({"kind": ["oak", "", "elm", "oak"]})
    assert found.codes_N.tolist() == [1, UNKNOWN, 0, 1]
    assert found.wrong == {"without a label": [1]}
    found = read({"label": ["1.0", "nan", "0.0", "1.0"]}, "class")
    assert (found.classes, found.codes_N.tolist()) == (("0", "1"), [1, UNKNOWN, 0, 1])
    found = read({"kind": ["oak", "yew", "elm", "oak"]}, classes=["oak", "elm"])
    assert found.codes_N.tolist() == [0, OTHER, 1, 0]
    assert found.left_out == ("yew",)


def test_one_hot_columns_are_classes() -> None:
    columns = {"cat": ["0", "1", "0", "1"], "dog": ["1", "0", "0", "1"]}
    found = read(columns, "class")
    assert found.codes_N.tolist() == [1, 0, UNKNOWN, UNKNOWN]
    assert sorted(found.wrong.values()) == [[2], [3]]
    assert read(columns, "class", ["dog", "cat"]).codes_N.tolist() == [0, 1, OTHER, OTHER]


def test_several_labels() -> None:
    found = read({"tags": ["cat;dog", "", "dog", "cat;cat"]}, "multilabel")
    assert found.targets_NK is not None
    assert found.targets_NK.tolist() == [[True, True], [False, False], [False, True], [True, False]]
    assert found.codes_N.tolist() == [UNKNOWN] * 4
    assert not found.wrong
    found = read({"tags": ["cat;dog", "", "dog", "owl"]}, "multilabel", ["dog", "cat"])
    assert found.targets_NK is not None
    assert found.targets_NK.tolist() == [[True, True], [False, False], [True, False], [False, False]]
    assert found.left_out == ("owl",)


def test_columns_of_flags() -> None:
    columns = {"cat": ["0", "1", "", "2"], "dog": ["yes", "No", "TRUE", "1.0"]}
    found = read(columns, "multilabel")
    assert found.targets_NK is not None
    assert found.targets_NK.tolist() == [[False, True], [True, False], [False, True], [False, True]]
    assert found.wrong == {"with neither 0 nor 1 in cat": [3]}
    assert read(columns, "multilabel", ["dog"]).classes == ("dog",)
    with pytest.raises(
        UserError, match=r"dogs is none of the columns of labels, cat, dog\. Did you mean 'dog'"
    ):
        read(columns, "multilabel", ["dogs"])


def test_numbers() -> None:
    columns = {"x": ["1.5", "-2", "nan", "inf"], "y": ["1", "two", "3", "1e300"]}
    found = read(columns, "numbers")
    assert found.targets_NK is not None
    assert found.targets_NK.dtype == np.float32
    assert found.targets_NK[:2].tolist() == [[1.5, 1.0], [-2.0, np.inf]]
    assert found.wrong == {
        "without a number in x": [2],
        "with no finite number in x": [3],
        "with no finite number in y": [1, 3],
    }


def test_texts_are_parted_once_however_many_rows_have_them(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def parts(text: str, separator: str) -> list[str]:
        seen.append(text)
        return text.split(separator)

    monkeypatch.setattr("pellucid.data.table_labels._parts", parts)
    read({"tags": ["a;b"] * 1000}, "multilabel")
    assert seen == ["a;b"]
