"""Each reference image through the epochs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pellucid.callbacks import film_strip as module
from pellucid.callbacks.film_strip import FRAMES, FilmStrip, captions, kept_frames
from pellucid.callbacks.view_scheduler import ViewScheduler
from pellucid.errors import UserError
from pellucid.explainer.grad_cam import GradCAM
from pellucid.explainer.saliency import Saliency
from pellucid.view.film_strip import Strip
from tests.callbacks.scene import Pen, autoencoder, classifier, convolutional


def test_a_frame_an_epoch_and_a_picture_an_image_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "film_strip", pen := Pen())
    scene = convolutional(tmp_path, explainers={"saliency": Saliency(), "grad_cam": GradCAM()})
    view = FilmStrip(images=2, figures=scene.figures)
    scheduler = ViewScheduler([view], scene.figures)
    scheduler.prepare(scene.moment(0))
    assert view.explainer is scene.explainers["grad_cam"], "unless another is named"
    for epoch in (1, 2, 9):  # the last by a process that was killed since
        scene.drawn(view, epoch)
    (scene.figures.folder / FRAMES / "epoch_0001.npz").write_bytes(b"half a file")
    assert [epoch for epoch, _ in kept_frames(scene.figures.folder)] == [2, 9]
    scheduler.look(scene.moment(3), last=True)
    scheduler.finish(scene.moment(3))
    assert not [key for key in scene.figures.account() if "failed" in key]
    assert [name for name in scene.files() if "probe" in name] == [
        "film_strip/probe_0.png",
        "film_strip/probe_1.png",
    ]
    assert scene.board.noted == [("image", f"film_strip/probe_{place}", 7) for place in range(2)]
    for ((photo, frames), options), name in zip(pen.calls, ("cat", "dog"), strict=True):
        assert photo.shape == (8, 8, 3)
        assert [frame.epoch for frame in frames] == [2, 3], "and the last"
        assert len(frames[0].pictures) == 2, "an explanation and a map"
        assert options["title"].startswith(f"{name}: val/")
        assert options["note"].startswith("2 of 3 epochs;")
        assert options["note"].endswith(f"explained is the score of {name}")


def test_an_autoencoders_frames_are_reconstructions(tmp_path: Path) -> None:
    scene = autoencoder(tmp_path)
    scene.drawn(FilmStrip(images=2, figures=scene.figures), 1)
    ((epoch, frame),) = kept_frames(scene.figures.folder)
    assert epoch == 1
    assert frame["image/reconstruction"].shape == (2, 8, 8, 1)
    assert frame["mse"].shape == (2,)


def test_of_the_methods_the_first_that_applies_is_taken(tmp_path: Path) -> None:
    scene = classifier(tmp_path, explainers={"grad_cam": GradCAM(), "saliency": Saliency()})
    view = FilmStrip(figures=scene.figures)
    assert view.reason(scene.at(view)) is None
    assert view.explainer is scene.explainers["saliency"], "there are no maps"
    with pytest.raises(
        UserError, match=r"callbacks\.film_strip\.method=.*lime.*expected all, or names among"
    ):
        FilmStrip(method="lime", figures=scene.figures)


def test_captions() -> None:
    strips = {
        ("dog 0.60", "cat 1.00"): Strip({}, [1, 0], [0.6, 1.0], None, [True, False]),
        ("MSE 0.5",): Strip({}, None, None, [0.5], [None]),
        ("", ""): Strip({"map/a": np.zeros((2, 1, 1))}, None, None, None, [None, None]),
    }
    for expected, strip in strips.items():
        assert captions(strip, ["cat", "dog"]) == list(expected)
