"""Who does which trial: rules that a storage alone does not keep."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from pellucid.config.space import Parameter
from pellucid.errors import UserError
from pellucid.run.folder import FORMAT, Run
from pellucid.sweep.plan import Plan
from pellucid.sweep.study import MAX_KILLED, Study
from pellucid.system.lock import FileLock

SAMPLER = {"_target_": "optuna.samplers.RandomSampler", "seed": 0}


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan(
        folder=tmp_path / "a",
        space=(Parameter(key="lr", low=0.0, high=1.0),),
        fixed=(),
        config={"seed": 0, "packages": []},
        options={
            **{
                "name": "a",
                "trials": 3,
                "seeds": 1,
                "folds": None,
                "metric": "auto",
                "direction": "auto",
                "retries": 0,
            },
            **{"max_failures": None, "fail_fast": False, "storage": None, "workers": "auto"},
            **{"threads": "auto", "sampler": SAMPLER, "pruner": None},
        },
        metric="val/accuracy",
        direction="maximize",
        packages=(),
        line="python train.py -m",
    )


def begin(plan: Plan) -> Study:
    """As ``-m`` does, which has made the folder."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    return Study(plan)


def test_no_trial_twice_and_none_beyond_the_total(plan: Plan) -> None:
    one, other = begin(plan), begin(plan)
    claims = [one.claim(), other.claim(), one.claim()]
    assert [claim.number for claim in claims if claim] == [0, 1, 2]
    assert other.claim() is None
    assert one.left() == 3
    for study, claim in zip((one, other, one), claims, strict=True):
        assert claim is not None
        study.finish(claim, 0.5)
    assert other.left() == 0
    assert other.claim() is None


def test_a_dead_ones_trial_keeps_its_number_and_values(plan: Plan) -> None:
    claim = begin(plan).claim()
    assert claim is not None
    claim.lock.release()  # as the kernel does when the process dies
    again = begin(plan).claim()
    assert again is not None
    assert (again.number, again.values) == (0, claim.values)


def test_one_killed_before_it_had_its_values_gets_those_it_would_have_had(plan: Plan) -> None:
    expected = begin(plan).claim()
    assert expected is not None
    other = replace(plan, folder=plan.folder.with_name("b"))
    study = begin(other)
    study.optuna.ask()  # and nothing more
    again = begin(other).claim()
    assert again is not None
    assert (again.number, again.values) == (0, expected.values)


def test_one_killed_again_and_again_without_progress_is_given_up(plan: Plan) -> None:
    for _ in range(MAX_KILLED):
        claim = begin(plan).claim()
        assert claim is not None
        assert claim.number == 0
        Run(plan.folder / "0").record({"status": "running", "epochs": 1})
        claim.lock.release()
    study = begin(plan)
    following = study.claim()
    assert following is not None
    assert following.number == 1
    assert study.trials()[0].state == optuna.trial.TrialState.FAIL
    assert "Killed 3 times in epoch 2" in Run(plan.folder / "0").metrics()["error"]


def test_one_killed_often_but_with_progress_goes_on(plan: Plan) -> None:
    for epoch in range(2 * MAX_KILLED):
        claim = begin(plan).claim()
        assert claim is not None
        assert claim.number == 0
        Run(plan.folder / "0").record({"status": "running", "epochs": epoch})
        claim.lock.release()


def test_a_folder_that_the_storage_has_forgotten_is_set_aside(plan: Plan) -> None:
    study = begin(plan)
    Run(plan.folder / "0").record({"status": "finished"})
    claim = study.claim()
    assert claim is not None
    assert not (plan.folder / "0").exists()
    (kept,) = plan.folder.glob("0_before_*")
    assert Run(kept).metrics() == {"status": "finished"}


def test_other_versions_are_refused(plan: Plan) -> None:
    study = begin(plan)
    definition = study.folder.definition()
    definition["versions"]["torch"] = "1.0.0+cu99"
    study.folder.define(definition)
    with pytest.raises(UserError, match=r"torch 1\.0\.0\+cu99 before, .* here"):
        begin(plan)
    definition["versions"]["torch"] = __import__("torch").__version__.split("+")[0] + "+other"
    study.folder.define(definition)
    begin(plan)  # another build of the same version


def test_the_storage_of_another_sweep_is_refused(plan: Plan, tmp_path: Path) -> None:
    options = {**plan.options, "storage": f"sqlite:///{tmp_path}/x.db"}
    one = replace(plan, options=options)
    begin(one)
    other = replace(one, folder=tmp_path / "elsewhere" / "a")
    with pytest.raises(UserError, match="holds another sweep named a"):
        begin(other)
    with pytest.raises(UserError, match="its trials are in sqlite"):
        begin(plan)


def test_its_definition_is_plain(plan: Plan) -> None:
    begin(plan)
    found = json.loads((plan.folder / "sweep.json").read_text())
    assert found["space"]["lr"] == {**found["space"]["lr"], "low": 0.0, "high": 1.0}
    assert found["sweep"]["metric"] == "val/accuracy"


def test_a_sweep_of_a_newer_version_is_told(plan: Plan) -> None:
    begin(plan)
    file = plan.folder / "sweep.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "format": FORMAT + 1}))
    with pytest.raises(UserError, match="by a newer pellucid"):
        begin(plan)


@pytest.mark.parametrize("database", [False, True])
def test_lost_trials_are_told_not_begun_again(plan: Plan, tmp_path: Path, database: bool) -> None:
    file = tmp_path / "x.db" if database else plan.folder / "journal.log"
    if database:
        plan = replace(plan, options={**plan.options, "storage": f"sqlite:///{file}"})
    assert begin(plan).claim()
    Run(plan.folder / "0").record({"status": "running"})
    file.unlink()
    with pytest.raises(UserError, match=r"has lost the trials of .*/a"):
        begin(plan)
    assert Run(plan.folder / "0").metrics() == {"status": "running"}


def test_a_folder_may_be_moved(plan: Plan) -> None:
    claim = begin(plan).claim()
    assert claim is not None
    claim.lock.release()
    moved = plan.folder.rename(plan.folder.with_name("moved"))
    again = begin(replace(plan, folder=moved)).claim()
    assert again is not None
    assert (again.number, again.values) == (0, claim.values)


def test_one_told_while_another_looks_is_not_taken_over(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = begin(plan), begin(plan)
    claim = one.claim()
    assert claim is not None
    acquire = FileLock.acquire

    def too_late(lock: FileLock, *, wait: bool = True) -> bool:
        if not wait and lock.path.name == "0":
            one.finish(claim, 0.5)  # between the other's look at its state and at its lock
        return acquire(lock, wait=wait)

    monkeypatch.setattr(FileLock, "acquire", too_late)
    following = other.claim()
    assert following is not None
    assert following.number == 1


def test_neighbouring_seeds_draw_other_values(plan: Plan) -> None:
    drawn = []
    for seed in range(3):
        sampler = {**SAMPLER, "seed": seed}
        study = begin(
            replace(
                plan, folder=plan.folder.with_name(str(seed)), options={**plan.options, "sampler": sampler}
            )
        )
        drawn += [claim.values["lr"] for claim in (study.claim(), study.claim(), study.claim()) if claim]
    assert len(set(drawn)) == len(drawn) == 9  # no seed's trials are its neighbour's, shifted by one
