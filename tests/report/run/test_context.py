"""What views have kept is used where it is of the images shown."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from pellucid.data.manifest import SPLITS, Manifest
from pellucid.report.run.context import Context, of_kept
from pellucid.run.folder import Run
from tests.fakes import write_photos
from tests.report.run.written import CLASSES, changed, run_report


@pytest.mark.slow
def test_what_was_kept_of_the_training_is_not_shown_beside_other_images(
    hostile: Path, tmp_path: Path
) -> None:
    """A validation image is gone, or another one lies in its place, or all are other ones."""
    root = Path(Run(hostile).config()["data"]["root"])
    write_photos(tmp_path / "all" / "test", dict.fromkeys(CLASSES, 8), seed=8)
    others = {name: Path(shutil.copytree(root, tmp_path / name)) for name in ("same", "gone", "another")}
    manifest = Manifest.load(hostile / "splits.npz")
    assert manifest is not None
    of_validation = manifest.files[int((manifest.splits_R == SPLITS.index("val")).argmax())]
    (others["gone"] / of_validation).unlink()
    shutil.copy(tmp_path / "all" / "test" / CLASSES[2] / "000.jpg", others["another"] / of_validation)
    others["all"] = tmp_path / "all"
    for name, other in others.items():
        page = run_report(hostile, data=changed(f"data.root={other}"), out=str(tmp_path), seconds=0.0)
        text = page.read_text(encoding="utf-8")
        assert ("not those of the training" in text) == (name != "same"), name
        assert ('id="film_strip"' in text) == (name == "same"), name
        shown = "validation images" if name == "same" else "test images, by what"
        assert shown in text.partition('id="embedding"')[2], name


@pytest.mark.parametrize("error", [OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError])
def test_figures_that_are_not_as_they_are_kept_leave_their_section_out(
    error: type[Exception], make_context: Callable[..., Context], caplog: pytest.LogCaptureFixture
) -> None:
    def broken(context: Context) -> None:
        raise error("cut short")

    context = make_context(nn.Flatten(), torch.zeros(2, 1, 2, 2, dtype=torch.uint8), [0, 1])
    assert of_kept(broken, context) is None
    assert "cannot be used: " in caplog.text
    assert "cut short" in caplog.text
    assert of_kept(lambda context: context.classes, context) == ("cat", "dog")


def test_what_fails_otherwise_is_not_hidden(make_context: Callable[..., Context]) -> None:
    context = make_context(nn.Flatten(), torch.zeros(2, 1, 2, 2, dtype=torch.uint8), [0, 1])
    with pytest.raises(ZeroDivisionError):
        of_kept(lambda context: 1 / 0, context)


def test_images_of_a_split_as_the_net_takes_them_and_as_they_are_shown(
    make_context: Callable[..., Context],
) -> None:
    pixels = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 1, 2, 2).contiguous()
    context = make_context(nn.Flatten(), pixels, [0, 1])
    images = context.images("test", torch.tensor([1]))
    assert images.tolist() == [[[[1.0, 1.0], [1.0, 1.0]]]]
    assert context.predictor.shown(images).tolist() == [[[[255] * 3] * 2] * 2]
