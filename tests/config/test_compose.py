"""Composition by Hydra, and what stays as it was written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from omegaconf.errors import ReadonlyConfigError

from pellucid.config.compose import compose, container, load, options
from tests.helpers import CONF


def test_two_compositions_have_folders_of_their_own() -> None:
    one, other = (compose(CONF, "train", []) for _ in range(2))
    names = []
    for config in (one, other):
        raw = OmegaConf.to_container(config.hydra.run, resolve=False)
        assert isinstance(raw, dict)
        assert "${unique:${name}}" in raw["dir"]
        names.append(OmegaConf.create({"u": "${unique:}"}).u)
    assert names[0] != names[1]


def test_a_file_that_has_changed_is_read_again_and_nobody_changes_what_is_remembered(tmp_path: Path) -> None:
    path, now = tmp_path / "conf" / "tool.yaml", 10**18
    path.parent.mkdir()
    for number in (1, 2):
        path.write_text(f"number: {number}\n")
        os.utime(path, ns=(now + number, now + number))
        config = compose(tmp_path / "conf", "tool", [])
        assert options(config) == {"number": number}
        assert compose(tmp_path / "conf", "tool", []) is config
        with pytest.raises(ReadonlyConfigError):
            config.number = 3


def test_a_further_folder_adds_choices(tmp_path: Path) -> None:
    for path, text in (("conf/tool.yaml", "a: 1\n"), ("it's own [1] 50%/more/mine.yaml", "b: 2\n")):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(text)
    config = compose(tmp_path / "conf", "tool", ["+more=mine"], added=tmp_path / "it's own [1] 50%")
    assert options(config) == {"a": 1, "more": {"b": 2}}


def test_what_comes_from_the_environment_stays_as_it_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "s3cret")
    monkeypatch.setenv("SEED", "3")
    config = OmegaConf.create(
        {
            "_target_": "x.y",
            "hydra": {"job": 1},
            "key": "${oc.env:TOKEN}",
            "list": ["a-${oc.env:TOKEN}", "${oc.env:NONE,else}"],
            "seed": "${oc.decode:${oc.env:SEED}}",
            "again": "${seed}",
        }
    )
    written = {"key": "${oc.env:TOKEN}", "list": ["a-${oc.env:TOKEN}", "${oc.env:NONE,else}"]}
    assert options(config) == {**written, "seed": 3, "again": 3}
    assert container(config)["_target_"] == "x.y"
    assert OmegaConf.select(config, "key") == "s3cret", "the resolver is as it was"


def test_a_file_of_anybodys_is_read_or_refused_in_a_line(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: ${b}\n")
    assert OmegaConf.to_container(load(path)) == {"a": "${b}"}
    path.write_text("a: [1\n")
    with pytest.raises(ValueError, match=r"^while parsing") as caught:
        load(path)
    assert "\n" not in str(caught.value)
