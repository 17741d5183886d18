"""A line taken apart, its paths to the letter."""

from __future__ import annotations

from pathlib import Path

import pytest

from pellucid.config.command_line import quote_path, split
from pellucid.config.compose import compose
from tests.helpers import CONF


@pytest.mark.parametrize(
    "folder",
    [
        "a=b",
        "with space",
        "[x]",
        "{a,b}",
        "한글",
        "it's",
        "(1)",
        "100%",
        "a:b",
        "2024",
        "true",
        "a,b",
        "#1",
    ],
)
def test_paths_are_taken_to_the_letter(folder: str) -> None:
    line = split([f"resume=/tmp/{folder}", f"data.root={folder}"])
    assert line.value("resume") == f"/tmp/{folder}"
    assert line.value("data.root") == str(Path(folder).absolute()), "a run may be resumed from elsewhere"
    config = compose(CONF, "train", ["data=image_folder", line.overrides[1]])
    assert config.data.root == str(Path(folder).absolute())


def test_quoting_leaves_sweeps_and_quoted_values() -> None:
    assert quote_path("data.root=a,b", multirun=True) == "data.root=a,b"
    assert quote_path("data.root='a'", multirun=False) == "data.root='a'"
    assert quote_path("model.weights=none", multirun=False) == "model.weights=none"
