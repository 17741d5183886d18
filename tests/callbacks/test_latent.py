"""Where the encoder puts images, and walks from there."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

from pellucid.callbacks import latent as module
from pellucid.callbacks.latent import Latent
from pellucid.errors import UserError
from tests.callbacks.scene import Pen, autoencoder, classifier


@pytest.mark.parametrize(
    ("code", "note", "names"),
    [
        (1, "5 validation images", ["latent 0"]),
        (3, "5 validation images", ["latent 0", "latent 1", "latent 2"]),
        (4, "5 validation images, 4 numbers each", ["principal component 1", "principal component 2"]),
    ],
)
def test_codes_as_they_are_or_by_their_components(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, note: str, names: list[str]
) -> None:
    monkeypatch.setattr(module, "scatter", points := Pen())
    monkeypatch.setattr(module, "traversal", walks := Pen())
    scene = autoencoder(tmp_path, code=code)
    view = Latent(points=5, figures=scene.figures)
    assert scene.drawn(view) == ["latent/epoch_0003.png", "latent/traversal/epoch_0003.png"]
    (((codes_ND, labels_N, classes), options),) = points.calls
    assert codes_ND.shape == (5, len(names))
    assert set(labels_N.tolist()) == {0, 1}
    assert tuple(classes) == ("cat", "dog")
    assert (options["title"], options["note"]) == ("Latent space after epoch 3", note)
    assert options["axes_names"] == names
    (((images_WSHWC, values_WS), _),) = walks.calls
    assert images_WSHWC.shape == (code, 9, 8, 8, 1)
    assert values_WS.shape == (code, 9)


def test_which_nets_have_codes(tmp_path: Path) -> None:
    for name, scene, reason in (
        ("classifier", classifier(tmp_path), "not an autoencoder"),
        ("convolution", autoencoder(tmp_path, net=nn.Conv2d(1, 1, 1)), "the net has no encode and decode"),
    ):
        view = Latent(figures=scene.figures)
        assert view.reason(scene.at(view)) == reason, name
    with pytest.raises(UserError, match=r"callbacks\.latent\.points=0: expected at least 1"):
        Latent(points=0, figures=scene.figures)
