"""The journal, whole and damaged."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import optuna
import pytest
from optuna.distributions import BaseDistribution, FloatDistribution

from pellucid.sweep.folder import SweepFolder
from pellucid.sweep.journal import Replayed, cut_incomplete, open_storage, without_password
from tests.sweep.conftest import GRID, FakeTraining, Sweep

SPACE: dict[str, BaseDistribution] = {"lr": FloatDistribution(0, 1)}


@pytest.fixture
def folder(tmp_path: Path) -> SweepFolder:
    """A sweep with three finished trials, of values 0, 1 and 2."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder = SweepFolder(tmp_path)
    study = optuna.create_study(storage=open_storage(folder, None), study_name="a")
    for value in range(3):
        study.tell(study.ask(SPACE), value)
    return folder


def values(folder: SweepFolder) -> list[float | None]:
    study = optuna.load_study(storage=open_storage(folder, None), study_name="a")
    return [trial.value for trial in study.trials]


@pytest.fixture(autouse=True)
def told(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING)
    logging.getLogger("pellucid").propagate = True
    return caplog


def test_a_whole_journal_stays_as_it_is(folder: SweepFolder, told: pytest.LogCaptureFixture) -> None:
    before = folder.journal.read_bytes()
    assert values(folder) == [0, 1, 2]
    assert folder.journal.read_bytes() == before
    assert not told.text


@pytest.mark.parametrize("lost", [1, 20, 60])
def test_a_last_entry_that_was_cut(folder: SweepFolder, told: pytest.LogCaptureFixture, lost: int) -> None:
    content = folder.journal.read_bytes()
    folder.journal.write_bytes(content[:-lost])
    assert values(folder)[:2] == [0, 1]
    assert "in the middle of an entry" in told.text
    assert folder.journal.read_bytes().endswith(b"\n")
    study = optuna.load_study(storage=open_storage(folder, None), study_name="a")
    study.tell(study.ask(SPACE), 7)
    assert values(folder)[-1] == 7


def test_an_entry_cut_while_others_write_is_left_out(folder: SweepFolder) -> None:
    study = optuna.load_study(storage=open_storage(folder, None), study_name="a")
    with folder.journal.open("ab") as file:
        file.write(b'{"op_code":4,"worker')  # by a process that was killed
    study.tell(study.ask(SPACE), 7)
    assert values(folder) == [0, 1, 2, 7]


def test_an_unreadable_entry_in_the_middle(folder: SweepFolder, told: pytest.LogCaptureFixture) -> None:
    lines = folder.journal.read_bytes().splitlines(keepends=True)
    parameter = next(
        n for n, line in enumerate(lines) if json.loads(line)["op_code"] == 5
    )  # of the first trial
    folder.journal.write_bytes(b"".join([*lines[:parameter], b"\x00\xff garbage\n", *lines[parameter + 1 :]]))
    assert values(folder) == [0, 1, 2]
    assert f"1 of its {len(lines)} entries" in told.text
    assert b"garbage" in folder.journal.with_suffix(".damaged").read_bytes()


def test_entries_that_stand_on_a_lost_one_are_left_out(
    folder: SweepFolder, told: pytest.LogCaptureFixture
) -> None:
    lines = folder.journal.read_bytes().splitlines(keepends=True)
    created = [n for n, line in enumerate(lines) if json.loads(line)["op_code"] == 4]
    folder.journal.write_bytes(b"".join([*lines[: created[2]], b"?\n", *lines[created[2] + 1 :]]))
    assert values(folder) == [0, 1]
    assert f"{len(lines) - created[2]} of its {len(lines)} entries" in told.text


def test_cutting_an_empty_or_missing_file(tmp_path: Path) -> None:
    assert cut_incomplete(tmp_path / "none") == 0
    (tmp_path / "empty").touch()
    assert cut_incomplete(tmp_path / "empty") == 0
    (tmp_path / "one").write_bytes(b"abc")
    assert cut_incomplete(tmp_path / "one") == 3


def test_a_password_is_not_shown() -> None:
    assert without_password("postgresql://me:secret@host/db") == "postgresql://me:***@host/db"
    assert without_password("nonsense") == "nonsense"


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


def test_a_journal_that_is_a_link_is_left_alone(sweep: Sweep, training: FakeTraining, tmp_path: Path) -> None:
    assert sweep(GRID, "sweep.name=a").code == 0
    journal, other = tmp_path / "outputs" / "sweeps" / "a" / "journal.log", tmp_path / "other"
    shutil.move(journal, other)
    content = other.read_bytes() + b"half a line"
    other.write_bytes(content)
    journal.symlink_to(other)
    ended = sweep(GRID, "sweep.name=a")
    assert (ended.code, "is a link" in ended.err) == (2, True), ended.err
    assert other.read_bytes() == content
