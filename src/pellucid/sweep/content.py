"""Validation of a sweep's storage, before it is used: anybody may have written what it holds."""

from __future__ import annotations

import io
import math
import pickle
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from pellucid.config.space import Scalar
from pellucid.errors import UserError, first_line

# Our attributes of Optuna's study, and of its trials.
ID, TOTAL, EXHAUSTED = "pellucid/sweep", "pellucid/total", "pellucid/exhausted"
DEATHS, ATTEMPTS, ERROR = "pellucid/killed", "pellucid/attempts", "pellucid/error"
KINDS = {ID: str, TOTAL: int, EXHAUSTED: int, DEATHS: list, ATTEMPTS: int, ERROR: str}
# What the state of CMA-ES is made of, which Optuna keeps as a pickle: arrays, and the classes of cmaes.
OF_NUMPY = ("ndarray", "dtype", "scalar", "_reconstruct", "_frombuffer")
OF_CMAES = ("CMA", "SepCMA", "CMAwM")


def check_content(study: optuna.Study, names: Collection[str]) -> None:
    """Raise UserError for a trial that is none of a sweep over these parameters, or would run code."""
    try:
        _check_attributes(study.user_attrs)
        for trial in study.get_trials(deepcopy=False):
            try:
                _check(trial, names)
            except Exception as error:  # a pickle may raise anything
                raise ValueError(f"trial {trial.number}: {first_line(error)}") from error
    except ValueError as error:
        raise UserError(
            f"The sweep's storage holds what is not of this sweep: {error}. Bring it back as the sweep left "
            "it, or begin again by another sweep.name."
        ) from error


def _check(trial: FrozenTrial, names: Collection[str]) -> None:
    _check_attributes(trial.user_attrs)
    fixed = trial.system_attrs.get("fixed_params", {})
    if not isinstance(fixed, dict):
        raise ValueError("its values are not a mapping")
    for name, value in {**fixed, **trial.params}.items():
        if name not in names or not isinstance(value, Scalar):
            raise ValueError(f"{name}={value!r:.60} is not searched")
    if trial.state == TrialState.COMPLETE and not _is_number(trial.value):
        raise ValueError("it has finished without a value")
    for epoch, value in trial.intermediate_values.items():
        if type(epoch) is not int or not isinstance(value, int | float):
            raise ValueError(f"its value in epoch {epoch!r:.60} is {value!r:.60}")
    for state in _pickles(trial.system_attrs):
        _Unpickler(io.BytesIO(state)).load()


def _check_attributes(attributes: Mapping[str, Any]) -> None:
    for name, kind in KINDS.items():
        if name in attributes and type(attributes[name]) is not kind:
            raise ValueError(f"{name} is {attributes[name]!r:.60}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _pickles(attributes: Mapping[str, Any]) -> Iterator[bytes]:
    """As Optuna's CmaEsSampler puts them together, of parts named cma:optimizer:0, …"""
    for key in {name.rpartition(":")[0] for name in attributes if ":optimizer:" in name}:
        parts = [name for name in attributes if name.startswith(key)]
        yield bytes.fromhex("".join(attributes[f"{key}:{number}"] for number in range(len(parts))))


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        package = module.partition(".")[0]
        if (package == "numpy" and name in OF_NUMPY) or (package == "cmaes" and name in OF_CMAES):
            return super().find_class(module, name)
        raise ValueError(f"the state of its sampler names {module}.{name}")
