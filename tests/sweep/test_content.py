"""What a storage holds is looked through before it is used, and never run."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import optuna
import pytest

from pellucid.errors import UserError
from pellucid.sweep.content import check_content


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
