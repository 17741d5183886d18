"""A sweep's folder: its files are those of the beginning, others are left alone, damaged ones told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pellucid.errors import UserError
from pellucid.sweep.summary import write_report
from tests.helpers import CONF
from tests.sweep.conftest import GRID, SLOW, FakeTraining, Sweep, folder, rows


@SLOW
def test_the_configuration_files_are_those_of_the_beginning(
    sweep: Sweep, training: FakeTraining, tmp_path: Path
) -> None:
    conf = tmp_path / "conf"
    shutil.copytree(CONF, conf)
    line = (GRID, "sweep.name=a", "sweep.max_failures=1")

    def breaks(config: dict[str, Any]) -> float:
        raise RuntimeError("not yet")

    training.result = breaks
    assert sweep(*line, conf=conf).code == 1
    yaml = conf / "model" / "dnn.yaml"
    yaml.write_text(yaml.read_text().replace("dropout: 0.25", "dropout: 0.7"))
    (conf / "optimizer" / "adam.yaml").write_text("{broken")
    training.result = lambda config: 0.5
    assert sweep(GRID, "sweep.name=a", "sweep.max_failures=2", conf=conf).code == 1  # the first has failed
    assert [call["config"]["model"]["dropout"] for call in training.calls] == [0.25, 0.25]
    assert [row["state"] for row in rows("a")] == ["failed", "finished"]


@SLOW
def test_without_a_name_every_sweep_has_a_folder_of_its_own(sweep: Sweep, training: FakeTraining) -> None:
    assert sweep(GRID).code == 0
    assert sweep(GRID).code == 0
    names = [path.name for path in Path("outputs/sweeps").iterdir()]
    assert len(names) == 2
    assert sweep(GRID, f"sweep.name={names[0]}").code == 0
    assert len(training.calls) == 4


@SLOW
def test_a_space_may_stand_in_a_file(sweep: Sweep, training: FakeTraining, tmp_path: Path) -> None:
    user = tmp_path / "mine" / "experiment"
    user.mkdir(parents=True)
    (user / "tune.yaml").write_text(
        "# @package _global_\n"
        "defaults: [{override /sweep: random}]\n"
        "sweep: {trials: 3}\n"
        "hydra: {sweeper: {params: {optimizer.lr: 'tag(log,interval(1e-4,1e-2))',\n"
        "  model.dropout: '0.1,0.2'}}}\n"
    )
    line = (f"--config-dir={user.parent}", "experiment=tune", "model.dropout=0.3,0.4", "sweep.name=a")
    assert sweep(*line).code == 0
    assert {row["model.dropout"] for row in rows("a")} <= {"0.3", "0.4"}
    assert len({row["optimizer.lr"] for row in rows("a")}) == 3
    shutil.rmtree(user.parent)
    assert sweep(*line, "sweep.trials=4").code == 0  # its files were kept, too
    assert len(training.calls) == 4


def test_a_folder_with_other_files_is_left_alone(sweep: Sweep, training: FakeTraining) -> None:
    mine = Path("mine", "conf", "mine.txt")
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    ended = sweep(GRID, "hydra.sweep.dir=mine")
    assert ended.code == 2
    assert "holds other files" in ended.err
    assert [path for path in Path("mine").rglob("*") if path.is_file()] == [mine]
    assert not training.calls


@SLOW
@pytest.mark.parametrize(
    "damage", ["{", *(pytest.param(content, marks=pytest.mark.heavy) for content in ("{}", None))]
)
def test_a_damaged_definition_is_told(sweep: Sweep, training: FakeTraining, damage: str | None) -> None:
    line = (GRID, "sweep.name=a")
    assert sweep(*line).code == 0
    definition = folder("a") / "sweep.json"
    if damage is None:
        definition.unlink()
    else:
        definition.write_text(damage)
    before = {path: path.read_bytes() for path in folder("a").rglob("*") if path.is_file()}
    ended = sweep(*line)
    assert ended.code == 2
    assert ("sweep.json is damaged" if damage else "holds another sweep") in ended.err
    assert {path: path.read_bytes() for path in folder("a").rglob("*") if path.is_file()} == before


def test_damaged_files_of_a_sweep(sweep: Sweep, training: FakeTraining, tmp_path: Path) -> None:
    """By the sweep's own line, and by the command that writes its page."""
    assert sweep(GRID, "sweep.name=a").code == 0
    folder = tmp_path / "outputs" / "sweeps" / "a"
    whole = json.loads((folder / "sweep.json").read_text())
    bad: list[Any] = [[], "text", {}, {**whole, "space": {"optimizer.lr": 3}}, {**whole, "name": 7}]
    bad += [{**whole, "sweep": {}}, {**whole, "format": "new"}, {**whole, "fixed": [1]}]
    bad += [{**whole, "space": {GRID[:12]: {**whole["space"][GRID[:12]], "values": [[1]], "texts": ["a"]}}}]
    for content in bad:
        (folder / "sweep.json").write_text(json.dumps(content))
        with pytest.raises(UserError, match=r"sweep\.json is damaged"):
            write_report(folder, storage=None, out=None)
    ended = sweep(GRID, "sweep.name=a")
    assert (ended.code, "Traceback" in ended.err) == (2, False), ended.err
    assert "sweep.json is damaged" in ended.err
    (folder / "sweep.json").write_text(json.dumps(whole))
    for text in ('{"epochs": "many", "seed": [], "val/accuracy": {}}', "[]", "{", '{"val/accuracy": 1e999}'):
        (folder / "0" / "metrics.json").write_text(text)
        (folder / "0" / "metrics.csv").write_text("epoch,val/accuracy\nmany,\x00\n")
        write_report(folder, storage=None, out=None)
    assert sweep(GRID, "sweep.name=a").code == 0


def test_a_folder_that_is_deleted_while_it_is_worked_on(sweep: Sweep, training: FakeTraining) -> None:
    def delete(config: dict[str, Any]) -> float:
        shutil.rmtree(Path("outputs"))
        return 0.0

    training.result = delete
    ended = sweep(GRID, "sweep.name=a")
    assert (ended.code, "is gone" in ended.err) == (2, True), ended.err
    assert "Traceback" not in ended.err
    assert not Path("outputs", "sweeps", "a", "journal.log").exists()
