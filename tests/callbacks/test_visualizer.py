"""What every view has."""

from __future__ import annotations

from pathlib import Path

import pytest

from pellucid.callbacks.feature_maps import FeatureMaps
from pellucid.callbacks.snapshot import Snapshot
from pellucid.callbacks.visualizer import SECONDS, Visualizer
from pellucid.errors import UserError
from tests.callbacks.scene import classifier


class Half(Visualizer):
    """Forgets to call its base."""

    def __init__(self) -> None: ...

    def draw(self, snapshot: Snapshot) -> None: ...


def test_a_view_that_is_not_whole_is_told() -> None:
    with pytest.raises(UserError, match=r"Half is no whole view: expected name = '…' in the class"):
        Half().check()


def test_counts_have_bounds(tmp_path: Path) -> None:
    figures = classifier(tmp_path).figures
    FeatureMaps(figures=figures).check()
    with pytest.raises(UserError, match=r"callbacks\.feature_maps\.every_n_epochs=0: expected at least 1"):
        FeatureMaps(every_n_epochs=0, figures=figures)
    with pytest.raises(UserError, match=r"callbacks\.feature_maps\.images=33: expected 1 to 32"):
        FeatureMaps(images=33, figures=figures)


def test_a_view_of_which_nothing_is_known_applies_and_is_guessed(tmp_path: Path) -> None:
    scene = classifier(tmp_path)
    view = FeatureMaps(figures=scene.figures)
    assert view.cheap
    assert view.estimate(scene.at(view)) == SECONDS
