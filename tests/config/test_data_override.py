"""Other data for a run that has been trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from pellucid.config.command_line import split
from pellucid.config.data_override import override_data, read_data, split_off
from pellucid.errors import UserError
from tests.helpers import CONF

OPTIONS = {"_target_": "pellucid.data.digits.Digits", "batch_size": 32, "image_size": "auto"}


def test_a_run_s_own_data_with_changes() -> None:
    assert override_data(OPTIONS, None) == OPTIONS
    assert override_data(OPTIONS, {"batch_size": 8}) == {**OPTIONS, "batch_size": 8}
    assert OPTIONS["batch_size"] == 32, "the run's own stay"
    with pytest.raises(UserError, match=r"data\.batchsize: .* no such option\. Did you mean 'batch_size'\?"):
        override_data(OPTIONS, {"batchsize": 8})
    with pytest.raises(UserError, match=r"data\.batch_size: expected a whole number, got 'many'"):
        override_data(OPTIONS, {"batch_size": "many"})


def test_other_data_take_the_place_of_all() -> None:
    other = {"_target_": "x.Y", "root": "/a"}
    assert override_data(OPTIONS, other) == other


def test_what_a_line_says_of_the_data_is_split_off() -> None:
    rest, data = split_off(split(["run=a", "data.root=/b", "+data.x=1", "database=c", "model=d"]), "data")
    assert (rest.overrides, data.overrides) == (
        ["run=a", "database=c", "model=d"],
        ["data.root=/b", "+data.x=1"],
    )
    rest, sweep = split_off(split(["run=a", "sweep=b", "sweep.name=c"]), "sweep")
    assert (rest.overrides, sweep.overrides) == (["run=a", "sweep.name='c'"], ["sweep=b"])


def test_a_line_names_changes_or_other_data(tmp_path: Path) -> None:
    assert read_data(split(["data.root=/x", "data.batch_size=8"]), CONF) == {"root": "/x", "batch_size": 8}
    other = read_data(split(["data=digits", "data.batch_size=8"]), CONF)
    assert (other["_target_"], other["batch_size"]) == (OPTIONS["_target_"], 8)
    with pytest.raises(UserError, match=r"data\._target_: of other data\. Name them by data=<choice>"):
        read_data(split(["data._target_=x.Y"]), CONF)
    with pytest.raises(UserError, match=r"data=digit: .*Did you mean 'digits'"):
        read_data(split(["data=digit"]), CONF)


def test_what_its_class_takes_need_not_stand_there() -> None:
    assert override_data(OPTIONS, {"val_fraction": 0.3}) == {**OPTIONS, "val_fraction": 0.3}
    plants = {"_target_": "pellucid.data.torchvision.Torchvision", "options": None}
    partition = {"options.partition": 2, "options.download": False}
    assert override_data(plants, partition)["options"] == {"partition": 2, "download": False}
    assert plants["options"] is None, "the run's own stay"
