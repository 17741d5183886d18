"""A table as a data set: its images with what is known of them, its options, and runs on it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from pellucid.commands.train import train
from pellucid.config.command_line import split as split_line
from pellucid.data.augment.pipeline import find_augment
from pellucid.data.base import ImageData
from pellucid.engine.loaded_run import restore
from pellucid.errors import UserError
from pellucid.inside.images import UNKNOWN
from pellucid.run.folder import Run
from pellucid.run.resume import resumed_config
from pellucid.system.console import start_logging, stop_logging
from tests.data.build import load, make, read
from tests.data.tables import KINDS, write_photo_table, write_table
from tests.fakes import write_photos
from tests.helpers import CONF, make_run, metrics


def small(path: Path, **given: Any) -> ImageData:
    """Of the table, read at 16 pixels."""
    return read("table", path=str(path), image_size=16, cache=str(path.parent / "cache"), **given)


def known(data: ImageData) -> dict[str, list[Any]]:
    """What is known of each file."""
    found: dict[str, list[Any]] = {}
    for name, split in data.splits.items():
        for n, file in enumerate(split.files):
            target = split.targets[n].tolist()
            weight = None if split.weights_N is None else float(split.weights_N[n])
            found[file] = [name, target, weight]
    return found


def test_classes(tmp_path: Path) -> None:
    data = small(write_photo_table(tmp_path))
    assert data.spec.labels == "class"
    assert data.spec.classes == ("elm", "oak", "yew")
    assert data.source == f"table {tmp_path / 'labels.csv'}"
    for file, (_, label, weight) in known(data).items():
        assert data.spec.classes[label] == KINDS[int(file[0])]
        assert weight is None
    assert len(known(data)) == 30
    split = data.splits["train"]
    assert split.groups_N is None
    assert split.targets_NK is None


def test_the_columns_of_split_weight_and_group(tmp_path: Path) -> None:
    path = write_photo_table(tmp_path, 60, more=",patient,weight", cells=",p{n},0.{n}")
    lines = path.read_text().splitlines()
    lines = [lines[0], *(line.replace(f",p{n},", f",p{n // 6},") for n, line in enumerate(lines[1:]))]
    path.write_text("\n".join(lines))
    data = small(path)
    groups = [{*s.groups_N.tolist()} for s in data.splits.values() if s.groups_N is not None]
    assert len(groups) == 3
    assert len(set.union(*groups)) == 10 == sum(map(len, groups)), "no group in two splits"
    weights = {file: weight for file, (_, _, weight) in known(data).items()}
    assert weights["1/002.jpg"] == pytest.approx(0.7)
    path = write_photo_table(tmp_path / "splits", more=",split", cells=",{n}")
    text = path.read_text()
    for n in range(30):
        text = text.replace(f",{n}\n", f",{('train', 'train', 'train', 'val', 'test')[n // 3 % 5]}\n")
    path.write_text(text)
    data = small(path)
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 18, "val": 6, "test": 6}
    assert data.divided.provided == ("train", "val", "test")


def test_several_labels_and_numbers(tmp_path: Path) -> None:
    path = write_photo_table(tmp_path, more=",tags,x,y", cells=",{kind}|tree,{n}.5,{n}.25")
    data = small(path, label="tags")
    assert data.spec.labels == "multilabel"
    assert data.spec.classes == ("elm", "oak", "tree", "yew")
    assert known(data)["1/003.jpg"][1] == [True, False, True, False]
    data = small(path, label=["y", "x"])
    assert data.spec.labels == "numbers"
    assert data.spec.classes == ("y", "x")
    assert known(data)["1/003.jpg"][1] == [10.25, 10.5]
    assert data.splits["val"].labels_N.eq(UNKNOWN).all()
    images_BCHW, targets_BK = next(iter(data.train_dataloader()))[:2]
    assert images_BCHW.shape[1:] == (3, 16, 16)
    assert targets_BK.dtype == torch.float32
    assert targets_BK.shape[1:] == (2,)


def test_photos_that_cannot_be_read_are_left_out_with_what_is_known_of_them(tmp_path: Path) -> None:
    path = write_photo_table(tmp_path, more=",x", cells=",{n}.5")
    before = known(small(path, label="x"))
    (tmp_path / "0" / "004.jpg").write_text("no photo")
    data = small(path, label="x")
    assert data.left_out == 1
    after = {file: entry[1] for file, entry in known(data).items()}
    assert after == {file: entry[1] for file, entry in before.items() if file != "0/004.jpg"}


def test_files_outside_of_the_tables_folder(tmp_path: Path) -> None:
    path = write_photo_table(tmp_path / "photos")
    text = path.read_text().replace("\n0/", f"\n{tmp_path}/photos/0/").replace("\n1/", "\n../photos/1/")
    other = write_table(tmp_path / "tables", "", [])
    other.write_text(text.replace("\n2/", "\n../photos/2/"))
    data = small(other)
    files = {file for split in data.splits.values() for file in split.files}
    assert {f"{tmp_path}/photos/0/000.jpg", "../photos/1/000.jpg"} <= files
    here = small(path)
    assert len(here.splits["train"]) == len(data.splits["train"])
    assert sorted(here.splits["test"].digests_N.tolist()) == sorted(data.splits["test"].digests_N.tolist())


def test_the_fingerprint_is_of_files_labels_and_splits_in_any_order(tmp_path: Path) -> None:
    path = write_photo_table(tmp_path)
    text = path.read_text()
    before = small(path).fingerprint()
    head, *lines = text.splitlines()
    path.write_text("\n".join([head, *lines[::-1]]))
    assert small(path).fingerprint() == before
    path.write_text(text.replace("0/000.jpg,oak", "0/000.jpg,elm"))
    assert small(path).fingerprint() != before


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"labels": "classes"}, r"data\.labels=classes: expected auto, class, multilabel, numbers"),
        ({"min_images": 0}, r"data\.min_images=0: expected at least 1"),
        ({"classes": ["oak", "oak"]}, "expected different names"),
        ({"classes": []}, "expected different names"),
        ({"value_range": [3, 1]}, r"data\.value_range=.*expected auto or"),
        ({"label": "kinds"}, "Did you mean 'kind'"),
        ({"path": "/no/labels.csv"}, "there is no such file"),
    ],
)
def test_mistaken_options_are_told(tmp_path: Path, given: dict[str, Any], message: str) -> None:
    path = write_photo_table(tmp_path)
    with pytest.raises(UserError, match=message):
        make("table", **{"path": str(path), **given})


def test_classes_that_are_asked_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_photo_table(tmp_path)
    data = small(path, classes=["yew", "elm"])
    assert data.spec.classes == ("yew", "elm")
    assert len(known(data)) == 20
    assert "oak is none of the classes and left out" in caplog.text
    path.write_text(path.read_text().replace("oak", "1").replace("elm", "2").replace("yew", "3"))
    assert small(path, classes=[3, 1]).spec.classes == ("3", "1")


def test_the_first_rows_are_shown_where_columns_were_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_photo_table(tmp_path, more=",note", cells=",n{n}")
    make("table", path=str(path))
    assert capsys.readouterr().out == "", "nobody has asked for a log"
    start_logging(None)
    try:
        for _ in range(2):
            make("table", path=str(path))
        shown = capsys.readouterr().out
        make("table", path=str(path), file="file", label="kind", split=None, weight=None, group=None)
        make("table", path=str(path), classes=["elm", "oak", "yew"], labels="class")
        pinned = capsys.readouterr().out
    finally:
        stop_logging()
    assert "labels.csv: 30 rows" in shown
    assert shown.count("file (file)") == 1, "once, however often it is read"
    assert "not used: note" in shown
    assert "Labels of labels.csv: a class for each image, from kind. Otherwise: data.labels=" in shown
    assert "(file)" not in pinned


def test_a_guessed_encoding_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_photo_table(tmp_path)
    path.write_bytes(path.read_text().replace("oak", "chêne").encode("cp1252"))
    assert small(path).spec.classes == ("chêne", "elm", "yew")
    assert "is no UTF-8: it is read as cp1252. Another encoding: data.encoding=" in caplog.text


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a table."""
    root = tmp_path_factory.mktemp("table")
    path = write_photo_table(root / "data", 45)
    cache = f"data.cache={root / 'cache'}"
    return make_run(root / "run", "model=dnn", "data=table", f"data.path={path}", cache, "data.image_size=8")


def test_a_run_knows_its_classes_whatever_table_it_is_given(run: Path, tmp_path: Path) -> None:
    trained = restore(run)
    assert trained.spec.classes == ("elm", "oak", "yew")
    own = trained.data()
    assert {name: len(split) for name, split in own.splits.items()} == {
        name: metrics(run)[f"data/{name}"] for name in ("train", "val", "test")
    }
    path = write_photo_table(tmp_path / "other", 9)
    text = path.read_text().replace("2/000.jpg,yew", "2/000.jpg,ash").replace("1/000.jpg,elm\n", "")
    path.write_text(text)
    write_photos(tmp_path / "other", {str(k): 3 for k in range(3)}, seed=5)
    other = trained.data({"path": str(path)})
    assert other.spec.classes == trained.spec.classes
    assert {name: len(split) for name, split in other.splits.items()} == {"test": 7}
    labels = dict(zip(other.splits["test"].files, other.splits["test"].labels_N.tolist(), strict=True))
    assert (labels["0/000.jpg"], labels["2/001.jpg"]) == (1, 2)


def test_a_run_of_a_table_takes_folders_and_one_of_folders_a_table(run: Path, tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", dict.fromkeys(KINDS, 4), seed=6)
    folders = {
        **load("image_folder"),
        "root": str(tmp_path / "photos"),
        "cache": str(tmp_path / "cache"),
        "seed": 0,
    }
    assert len(restore(run).data(folders).splits["test"]) == 12


def test_data_that_have_moved_are_named_by_the_table(run: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(run, tmp_path / "run")
    data = Path(restore(run).config["data"]["path"]).parent
    moved = shutil.copytree(data, tmp_path / "moved") / "labels.csv"
    line = split_line([f"resume={folder}", f"data.path={moved}", "trainer.max_epochs=2"])
    config = resumed_config(Run(folder), line, CONF)
    assert config is not None
    assert config["data"]["path"] == str(moved)
    train(config, folder, resume=True)
    assert metrics(folder)["epochs"] == 2
    assert "data/changes" not in metrics(folder)
    Run(folder).save_config(config)
    assert restore(folder).config["data"]["path"] == str(moved)


def test_numbers_of_another_table(tmp_path: Path) -> None:
    path = write_photo_table(tmp_path, 9, more=",x,y", cells=",{n}.5,3.5")
    data = small(path, classes=["x", "y"], labels="numbers")
    assert data.spec.classes == ("x", "y")
    with pytest.raises(UserError, match=r"z is none of the columns of labels"):
        make("table", path=str(path), classes=["x", "z"], labels="numbers")


def test_numbers_are_not_augmented_unless_asked(tmp_path: Path) -> None:
    table = write_photo_table(tmp_path, more=",angle", cells=",{n}.5")
    assert make("table", path=str(table), label="kind").augment == find_augment("crop_flip")
    assert make("table", path=str(table), label="angle").augment == find_augment("none")
    assert make("table", path=str(table), label="angle", augment="flip").augment == find_augment("flip")
