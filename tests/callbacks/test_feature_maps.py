"""Feature maps of the reference images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pellucid.callbacks import feature_maps as module
from pellucid.callbacks.feature_maps import FeatureMaps
from pellucid.errors import UserError
from tests.callbacks.scene import Pen, classifier, convolutional


def test_a_picture_a_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "draw_feature_maps", pen := Pen())
    scene = convolutional(tmp_path)
    view = FeatureMaps(layers=["features.0", "features.3"], maps=1, images=3, figures=scene.figures)
    names = ["feature_maps/features.0", "feature_maps/features.3"]
    assert scene.drawn(view) == [f"{name}/epoch_0003.png" for name in names]
    (first, options), (second, _) = pen.calls
    assert options == {"shown": 1, "title": "features.0 after epoch 3", "about": ""}
    assert first[0].shape == (3, 8, 8, 3)
    assert sorted(first[1]) in (["cat", "cat", "dog"], ["cat", "dog", "dog"])
    assert first[2].shape == (3, 2, 8, 8)
    assert second[2].shape == (3, 2, 4, 4), "pooled"
    assert scene.board.noted == [("image", name, 7) for name in names]


def test_left_alone_it_finds_the_convolutions(tmp_path: Path) -> None:
    scene = convolutional(tmp_path / "one")
    view = FeatureMaps(figures=scene.figures)
    assert view.reason(scene.at(view)) is None
    assert view.layer_names == ["features.0"]
    scene = classifier(tmp_path / "other")
    view = FeatureMaps(figures=scene.figures)
    assert view.reason(scene.at(view)) == "no convolutions"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"maps": 0}, r"callbacks\.feature_maps\.maps=0: expected 1 to 400"),
        ({"images": 33}, r"callbacks\.feature_maps\.images=33: expected 1 to 32"),
        ({"layers": "first"}, "expected auto or a list"),
        ({"layers": None}, "expected auto or a list"),
        ({"layers": []}, "names none"),
        ({"layers": ["head"]}, "layers: head gives"),
    ],
)
def test_wrong_options_are_told(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    scene = convolutional(tmp_path)
    with pytest.raises(UserError, match=message):
        (view := FeatureMaps(**options, figures=scene.figures)).reason(scene.at(view))
