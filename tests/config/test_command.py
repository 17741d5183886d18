"""A command as its YAML and its function's signature tell it."""

from __future__ import annotations

import re

import pytest
from omegaconf import OmegaConf

COMMANDS = ("evaluate", "predict", "explain", "embed", "units", "compare", "export", "report")


OPTIONS = [
    (name, str(key), default)
    for name in (*COMMANDS, "benchmark", "cache", "train")
    for key, default in OmegaConf.to_container(OmegaConf.load(CONF / f"{name}.yaml")).items()  # type: ignore[union-attr]
    if key not in ("hydra", "defaults", "_target_", "data", "sweep")  # the last two are split off before
]


@pytest.mark.parametrize(("name", "key", "default"), OPTIONS)
def test_no_option_takes_nothing(name: str, key: str, default: object) -> None:
    """Null only where it means something: where it is the default."""
    given = {"run": "a", "runs": "[a,b]", "images": "b"}
    needed = [
        f"{other}={given[other]}"
        for command, other, value in OPTIONS
        if command == name and other != key and value == "???"
    ]
    assert f"{key}=: nothing is given" in problems(*needed, f"{key}=", name=name)
    if default is None:
        accepted(*needed, f"{key}=null", name=name)
    else:
        assert re.search(rf"{key}: expected .*, got null", problems(*needed, f"{key}=null", name=name))


@pytest.mark.parametrize(
    ("name", "argv", "said"),
    [
        (
            "train",
            "data=catdog data.source=drawn data.root=/tmp",
            "data.root: without effect, as data.source=",
        ),
        ("embed", "run=a nearest=5", "nearest: without effect, as no neighbours"),
        ("embed", "run=a methods=[pca] tsne_points=10", "tsne_points: without effect, as methods"),
        ("units", "run=a images=b split=val", "split: without effect, as images"),
        (
            "export",
            "run=a format=state_dict preprocessing=beside",
            "preprocessing: without effect, as format",
        ),
    ],
)
def test_an_option_that_another_leaves_without_effect_is_told(name: str, argv: str, said: str) -> None:
    assert said in problems(*argv.split(), name=name)
