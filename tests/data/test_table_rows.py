"""The images that a table lists, and its mistakes, told at once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.data import table_rows
from pellucid.data.table_columns import Asked, find_columns
from pellucid.data.table_file import read_rows
from pellucid.data.table_labels import read_labels
from pellucid.data.table_rows import Listing, list_images
from pellucid.errors import UserError
from tests.data.tables import write_table


def listing(
    root: Path,
    head: str,
    lines: Sequence[str],
    *,
    labels: str = "auto",
    classes: list[str] | None = None,
    place: Path | None = None,
    asked: dict[str, Any] | None = None,
    **given: Any,
) -> Listing:
    """Of a table with these lines; files called ``….jpg`` are made unless they are called ``no….jpg``."""
    path = write_table(root, head, lines)
    for name in (cell for line in lines for cell in line.split(",") if cell.endswith(".jpg")):
        file = path.parent / name.replace("\\", "/")
        if not file.name.startswith("no"):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
    rows = read_rows(path)
    columns = find_columns(path, rows, Asked(**(asked or {})), classes)
    known = read_labels(rows, columns.label, labels, classes)
    given = {"training": classes is None, **given}
    return list_images(path, rows, columns, known, place or path.parent, **given)


def told(*args: Any, **given: Any) -> str:
    with pytest.raises(UserError) as error:
        listing(*args, **given)
    return str(error.value)


def lines(count: int = 6, more: str = "") -> list[str]:
    """``0.jpg,oak`` and ``1.jpg,elm`` in turn."""
    return [f"{n}.jpg,{('oak', 'elm')[n % 2]}{more}" for n in range(count)]


def test_files_are_relative_to_the_table_or_absolute(tmp_path: Path) -> None:
    outside = tmp_path / "outside.jpg"
    outside.touch()
    found = listing(
        tmp_path / "in", "file,label", [*lines(), "in/7.jpg,oak", f"{outside},elm", "../outside.jpg,elm"]
    )
    assert list(found.names) == [*(f"{n}.jpg" for n in range(6)), "in/7.jpg", str(outside)], (
        "one by two names"
    )
    assert found.splits["all"].tolist() == list(range(8))
    assert found.labels.codes_N.tolist() == [1, 0, 1, 0, 1, 0, 1, 0]


def test_files_may_lie_in_another_folder(tmp_path: Path) -> None:
    listing(tmp_path, "file,label", lines())
    other = tmp_path / "tables"
    rows = [line.replace(".jpg", ".JPG") for line in lines()]
    assert "6 rows whose file is not there" in told(other, "file,label", rows)
    for n in range(6):
        (tmp_path / f"{n}.JPG").touch()
    assert f"data.root={tmp_path}?" in told(other, "file,label", rows)
    assert listing(other, "file,label", rows, place=tmp_path).root == tmp_path


def test_names_of_another_system_and_without_an_ending(tmp_path: Path) -> None:
    found = listing(tmp_path, "file,label", [f"in\\{line}" for line in lines()])
    assert found.names[0] == "in/0.jpg"
    found = listing(tmp_path, "id,label", [f"in/{line.replace('.jpg', '')}" for line in lines()])
    assert found.names[0] == "in/0.jpg"


@pytest.mark.parametrize("count", [5, table_rows.LISTED + 5])
def test_missing_files_are_named(tmp_path: Path, count: int) -> None:
    rows = [*lines(count), "no1.jpg,oak", ",oak", "no2.jpg,elm", "http://x.y/no.jpg,elm", "/no3.jpg,elm"]
    message = told(tmp_path, "file,label", rows)
    assert message.splitlines()[0].endswith(
        f"3 kinds of mistakes in the table's {count + 5} rows; mend them there:"
    )
    assert f"1 row without a file in file (line {count + 3}: )" in message
    assert f"3 rows whose file is not there, looked for in {tmp_path} (line {count + 2}: no1.jpg; " in message
    assert f"(line {count + 5}: http://x.y/no.jpg)" in message


def test_a_folder_of_many_files_is_listed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"in/{line}" for line in lines(3 * table_rows.LISTED)]
    listing(tmp_path, "file,label", rows)
    folders: list[str] = []
    real = os.listdir

    def listed(path: str) -> list[str]:
        folders.append(path)
        return real(path)

    monkeypatch.setattr(os, "listdir", listed)
    monkeypatch.setattr(os.path, "isfile", lambda path: pytest.fail(f"asked for {path} alone"))
    listing(tmp_path, "file,label", rows)
    assert folders == [f"{tmp_path}/in/"]


def test_the_split_column_divides(tmp_path: Path) -> None:
    rows = [*lines(6, ",train"), "6.jpg,oak,Validation", "7.jpg,elm,test", "8.jpg,oak,test"]
    found = listing(tmp_path, "file,label,split", rows)
    assert {name: index.tolist() for name, index in found.splits.items()} == {
        "train": [0, 1, 2, 3, 4, 5],
        "val": [6],
        "test": [7, 8],
    }
    rows = [*lines(6, ",train"), "6.jpg,oak,tset", "7.jpg,elm,"]
    message = told(tmp_path, "file,label,split", rows)
    assert "2 rows whose split is none of train, val, test (line 8: tset; line 9: 7.jpg)" in message
    assert "data.split=null" in message


def test_groups(tmp_path: Path) -> None:
    rows = [f"{line},{patient}" for line, patient in zip(lines(6), ["a", "a", "b", "", "", "c"], strict=True)]
    found = listing(tmp_path, "file,label,patient", rows)
    assert found.groups_N is not None
    assert found.groups_N.dtype == np.uint64
    assert [len({*found.groups_N[list(part)].tolist()}) for part in ((0, 1), (0, 2, 3, 4, 5))] == [1, 5]
    again = listing(tmp_path, "file,label,patient", rows[::-1])
    assert again.groups_N is not None
    assert again.groups_N.tolist() == found.groups_N[::-1].tolist(), "by their names alone"
    rows = [
        f"{line},{split}"
        for line, split in zip(rows, ["train", "test", "train", "test", "val", "train"], strict=True)
    ]
    message = told(tmp_path, "file,label,patient,split", rows)
    assert "1 group of patient in two splits (a: train and test)" in message


def test_weights(tmp_path: Path) -> None:
    rows = [f"{line},{n / 2}" for n, line in enumerate(lines(6))]
    found = listing(tmp_path, "file,label,weight", rows)
    assert found.weights_N is not None
    assert found.weights_N.tolist() == [0, 0.5, 1, 1.5, 2, 2.5]
    rows = [*rows, "6.jpg,oak,-1", "7.jpg,oak,nan", "8.jpg,oak,", "9.jpg,oak,inf"]
    message = told(tmp_path, "file,label,weight", rows)
    assert (
        "4 rows whose weight, the weight in the training loss, is not 0 or more (line 8: -1; line 9: nan"
        in message
    )
    assert "all weights of weight are 0" in told(tmp_path, "file,label,weight", lines(6, ",0"))


def test_all_mistakes_come_at_once(tmp_path: Path) -> None:
    rows = [
        *lines(20, ",1,train"),
        "x.jpg,oak",
        "21.jpg,,1,train",
        "no.jpg,oak,1,train",
        "23.jpg,oak,-1,train",
    ]
    rows += ["24.jpg,yew,1,train", "25.jpg,oak,1,new", "1.jpg,oak,1,train"]
    message = told(tmp_path, "file,label,weight,split", rows)
    first, *kinds = message.splitlines()
    assert first.startswith(
        f"data.path={tmp_path / 'labels.csv'}: 7 kinds of mistakes in the table's 26 rows"
    )
    assert len(kinds) == 7
    assert "1 line with another number of cells than the first line (line 22: x.jpg,oak)" in message
    assert "1 row without a label (line 23: 21.jpg)" in message
    assert "(lines 3 and 28: 1.jpg). Where an image has several labels: data.labels=multilabel" in message
    assert "1 class with fewer than 3 images to train on: train, val, test take one each (yew: 1)" in message
    assert "data.min_images=3 leaves them out" in message


def test_the_remedy_for_a_label_that_no_image_has_is_one(tmp_path: Path) -> None:
    rows = [f"{n}.jpg,{n % 2},{(n + 1) % 3 % 2},0" for n in range(12)]
    message = told(tmp_path, "file,cat,dog,yeti", rows)
    assert "1 label with fewer than 1 image to train on (yeti: 0). data.min_images=2 leaves them" in message
    assert listing(tmp_path, "file,cat,dog,yeti", rows, min_images=2).labels.classes == ("cat", "dog")


def test_a_row_that_comes_again_counts_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "pellucid"):
        found = listing(tmp_path, "file,label", [*lines(), "0.jpg,oak", "./1.jpg,elm"])
    assert list(found.names) == [f"{n}.jpg" for n in range(6)]
    assert "2 rows of the table are of files that other rows have, too: counted once." in caplog.text


def test_rows_of_a_file_join_their_labels(tmp_path: Path) -> None:
    rows = ["0.jpg,cat", "1.jpg,dog", "0.jpg,dog", "2.jpg,", "0.jpg,owl"]
    found = listing(tmp_path, "file,label", rows, labels="multilabel")
    assert found.labels.classes == ("cat", "dog", "owl")
    assert found.labels.targets_NK is not None
    assert found.labels.targets_NK.tolist() == [[True] * 3, [False, True, False], [False] * 3]
    rows = ["0.jpg,1,0", "1.jpg,1,1", "0.jpg,1,1"]
    assert "1 row of files that other rows have" in told(tmp_path, "file,cat,dog", rows, labels="multilabel")
    rows = ["0.jpg,1.5", "1.jpg,2.5", "0.jpg,3"]
    assert "1 row of files that other rows have" in told(tmp_path, "file,x", rows)


def test_small_classes_may_be_left_out(tmp_path: Path) -> None:
    rows = ["a.jpg,ash", *lines(), "b.jpg,yew", "c.jpg,yew"]
    found = listing(tmp_path, "file,label", rows, min_images=3)
    assert found.labels.classes == ("elm", "oak")
    assert len(found.names) == 6
    assert found.labels.codes_N.tolist() == [1, 0, 1, 0, 1, 0]
    tags = ["0.jpg,a;b", "1.jpg,a", "2.jpg,b;c"]
    found = listing(tmp_path, "file,tags", tags, labels="multilabel", min_images=2)
    assert found.labels.targets_NK is not None
    assert found.labels.targets_NK.tolist() == [[True, True], [True, False], [False, True]]


def test_how_many_images_a_class_needs_hangs_on_the_splits(tmp_path: Path) -> None:
    rows = ["0.jpg,oak,train", "1.jpg,elm,train", "2.jpg,oak,val", "3.jpg,oak,test"]
    assert len(listing(tmp_path, "file,label,split", rows).names) == 4
    message = told(tmp_path, "file,label,split", [*rows, "4.jpg,yew,test"])
    assert "1 class with fewer than 1 image to train on (yew: 0)" in message


def test_what_cannot_be_learned_is_told_of_a_new_run_alone(tmp_path: Path) -> None:
    rows = [f"{n}.jpg,{n / 2},7" for n in range(4)]
    both = {"label": ["x", "y"]}
    assert "1 number alike in all rows (y: 7)" in told(tmp_path, "file,x,y", rows, asked=both)
    found = listing(tmp_path, "file,x,y", rows, labels="numbers", classes=["y", "x"])
    assert found.labels.targets_NK is not None
    assert found.labels.targets_NK[3].tolist() == [7, 1.5]
    rows = [f"{n}.jpg,{n % 2},0" for n in range(4)]
    assert "(dog: 0)" in told(tmp_path, "file,cat,dog", rows, labels="multilabel")
    assert "only the class 'oak'; at least two" in told(tmp_path, "file,label", ["0.jpg,oak"] * 4)
    found = listing(tmp_path, "file,label", ["0.jpg,oak", "1.jpg,yew"], classes=["elm", "oak"])
    assert list(found.names) == ["0.jpg"]
    assert found.labels.codes_N.tolist() == [1]


@pytest.mark.parametrize("labels", ["class", "multilabel"])
def test_a_table_of_other_classes_than_those_asked_for_is_told(tmp_path: Path, labels: str) -> None:
    message = told(tmp_path, "file,label", ["0.jpg,cat", "1.jpg,dog"], labels=labels, classes=["oak", "elm"])
    assert "no row has any of oak, elm in label (there are cat, dog)" in message


def test_numbers_that_are_none_are_told(tmp_path: Path) -> None:
    rows = ["0.jpg,1.5", "1.jpg,", "2.jpg,nan", "3.jpg,inf", "4.jpg,2.5"]
    message = told(tmp_path, "file,x", rows)
    assert "2 rows without a number in x (line 3: 1.jpg; line 4: nan)" in message
    assert "1 row with no finite number in x (line 5: inf)" in message
