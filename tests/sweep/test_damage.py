"""Sweeps' folders and storages that anybody may have written: told, mended or refused, and never run."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import optuna
import pytest

from pellucid.errors import UserError
from pellucid.sweep.content import check_content
from pellucid.sweep.folder import SweepFolder
from pellucid.sweep.journal import Replayed, open_storage
from pellucid.sweep.summary import write_report
from tests.sweep.conftest import FakeTraining, Sweep

LR = "optimizer.lr=1e-3,1e-2"


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Of 8 trials with attributes, values of three epochs and ends."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder = SweepFolder(tmp_path_factory.mktemp("sweep"))
    study = optuna.create_study(storage=open_storage(folder, None), study_name="a")
    for number in range(8):
        trial = study.ask({"lr": optuna.distributions.FloatDistribution(0, 1)})
        trial.set_user_attr("of", {"epochs": [number, 3]})
        for epoch in range(3):
            trial.report(epoch / 10, epoch)
        study.tell(trial, number)
    return folder.journal.read_bytes()


@pytest.mark.parametrize("length", [1, 90, 700])
def test_any_bytes_missing_in_the_middle(journal: bytes, length: int) -> None:
    """What is left is of the trials before, or of all but for the entries that are lost."""
    whole = Replayed(journal).storage.get_all_trials(0)
    ends = []
    for start in range(0, len(journal) - length, 67):
        replayed = Replayed(journal[:start] + journal[start + length :])
        studies = replayed.storage.get_all_studies()
        trials = replayed.storage.get_all_trials(0) if studies else []
        pairs = list(zip(trials, whole, strict=False))
        others = [trial for trial, before in pairs if trial.params not in ({}, before.params)]
        others += [trial for trial, before in pairs if trial.value not in (None, before.value)]
        assert len(others) <= 1, start  # a digit less is another number
        ends.append(len(trials))
    assert max(ends) == 8


def test_a_sweep_goes_on_from_what_is_left_of_its_journal(tmp_path: Path, journal: bytes) -> None:
    folder = SweepFolder(tmp_path)
    folder.journal.write_bytes(journal[:2000] + journal[2700:])
    for _ in range(2):
        study = optuna.create_study(storage=open_storage(folder, None), study_name="a", load_if_exists=True)
        study.tell(study.ask(), 1.0)
    assert folder.journal.with_suffix(".damaged").exists()


class Payload:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.marker),)


def cma(sampler: optuna.samplers.BaseSampler) -> optuna.Study:
    study = optuna.create_study(sampler=sampler)
    study.optimize(lambda t: t.suggest_float("x", 0, 1) + t.suggest_float("y", 0, 1), n_trials=30)
    return study


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_a_sampler_s_state_runs_nothing(tmp_path: Path) -> None:
    study = cma(optuna.samplers.CmaEsSampler(seed=0))
    assert any(":optimizer:" in name for trial in study.trials for name in trial.system_attrs)
    check_content(study, ["x", "y"])
    check_content(cma(optuna.samplers.CmaEsSampler(seed=0, use_separable_cma=True)), ["x", "y"])
    check_content(cma(optuna.samplers.CmaEsSampler(seed=0, with_margin=True)), ["x", "y"])
    marker = tmp_path / "went_off"
    for state in (Payload(marker), [1, {"x": Payload(marker)}]):
        text = pickle.dumps(state).hex()
        study._storage.set_trial_system_attr(study.ask()._trial_id, "cma:optimizer:0", text)
        with pytest.raises(UserError, match=r"trial \d+: the state of its sampler names posix.mkdir"):
            check_content(study, ["x", "y"])
    assert not marker.exists()


@pytest.mark.parametrize(
    ("attribute", "value"),
    [("pellucid/total", "many"), ("pellucid/exhausted", [1]), ("pellucid/sweep", {"a": 1})],
)
def test_attributes_of_another_kind(attribute: str, value: Any) -> None:
    study = optuna.create_study()
    study.set_user_attr(attribute, value)
    with pytest.raises(UserError, match=attribute):
        check_content(study, ["x"])


def test_damaged_files_of_a_sweep(sweep: Sweep, training: FakeTraining, tmp_path: Path) -> None:
    """By the sweep's own line, and by the command that writes its page."""
    assert sweep(LR, "sweep.name=a").code == 0
    folder = tmp_path / "outputs" / "sweeps" / "a"
    whole = json.loads((folder / "sweep.json").read_text())
    bad: list[Any] = [[], "text", {}, {**whole, "space": {"optimizer.lr": 3}}, {**whole, "name": 7}]
    bad += [{**whole, "sweep": {}}, {**whole, "format": "new"}, {**whole, "fixed": [1]}]
    bad += [{**whole, "space": {LR[:12]: {**whole["space"][LR[:12]], "values": [[1]], "texts": ["a"]}}}]
    for content in bad:
        (folder / "sweep.json").write_text(json.dumps(content))
        with pytest.raises(UserError, match=r"sweep\.json is damaged"):
            write_report(folder, storage=None, out=None)
    ended = sweep(LR, "sweep.name=a")
    assert (ended.code, "Traceback" in ended.err) == (2, False), ended.err
    assert "sweep.json is damaged" in ended.err
    (folder / "sweep.json").write_text(json.dumps(whole))
    for text in ('{"epochs": "many", "seed": [], "val/accuracy": {}}', "[]", "{", '{"val/accuracy": 1e999}'):
        (folder / "0" / "metrics.json").write_text(text)
        (folder / "0" / "metrics.csv").write_text("epoch,val/accuracy\nmany,\x00\n")
        write_report(folder, storage=None, out=None)
    assert sweep(LR, "sweep.name=a").code == 0


def test_a_storage_is_opened_where_it_is_the_sweep_s(
    sweep: Sweep, training: FakeTraining, tmp_path: Path
) -> None:
    """A folder of anybody's may name any server or file."""
    assert sweep(LR, "sweep.name=a", "sweep.storage=sqlite:///own.db").code == 0
    folder = tmp_path / "outputs" / "sweeps" / "a"
    write_report(folder, storage=None, out=None)
    definition = json.loads((folder / "sweep.json").read_text())
    for url in ("sqlite:///new.db", "sqlite:///other.db", "postgresql://host/db", "mysql+x://host/db"):
        (tmp_path / "other.db").touch()
        (folder / "sweep.json").write_text(json.dumps({**definition, "storage": url}))
        with pytest.raises(UserError, match="Name it"):
            write_report(folder, storage=None, out=None)
    assert not (tmp_path / "new.db").exists()
    assert (tmp_path / "other.db").stat().st_size == 0


def test_a_folder_that_is_deleted_while_it_is_worked_on(sweep: Sweep, training: FakeTraining) -> None:
    def delete(config: dict[str, Any]) -> float:
        shutil.rmtree(Path("outputs"))
        return 0.0

    training.result = delete
    ended = sweep(LR, "sweep.name=a")
    assert (ended.code, "is gone" in ended.err) == (2, True), ended.err
    assert "Traceback" not in ended.err
    assert not Path("outputs", "sweeps", "a", "journal.log").exists()


def test_a_journal_that_is_a_link_is_left_alone(sweep: Sweep, training: FakeTraining, tmp_path: Path) -> None:
    assert sweep(LR, "sweep.name=a").code == 0
    journal, other = tmp_path / "outputs" / "sweeps" / "a" / "journal.log", tmp_path / "other"
    shutil.move(journal, other)
    content = other.read_bytes() + b"half a line"
    other.write_bytes(content)
    journal.symlink_to(other)
    ended = sweep(LR, "sweep.name=a")
    assert (ended.code, "is a link" in ended.err) == (2, True), ended.err
    assert other.read_bytes() == content
