"""What a user sees of a run in TensorBoard's pages, looked at in a browser."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pellucid.commands.train import train
from pellucid.draw.projector import COLUMNS
from tests.browser import Browser, browser, chromium, tensorboard
from tests.helpers import compose, metrics

pytestmark = pytest.mark.slow
Look = Callable[[str], Browser]
BUSY = ("Fetching", "Parsing", "Computing")  # what the projector says while it works
TAGS = ("explanations", "feature_maps/features.0", "predictions", "confusion", "embeddings/tsne")
GROUPS = ("explanations", "feature_maps", "predictions")
POINTS = 179  # digits' validation images


def options(epochs: int) -> dict[str, Any]:
    return compose(
        "model=cnn", "callbacks=default", "callbacks.embeddings.every_n_epochs=1", "logger=tensorboard",
        f"trainer.max_epochs={epochs}",
    )  # fmt: skip


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one epoch with every view."""
    chromium()  # before the work of training
    folder = tmp_path_factory.mktemp("run")
    train(options(1), folder)
    return folder


@pytest.fixture(scope="module")
def look(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Look]:
    """Opens one of TensorBoard's pages of the run, in one browser for all tests."""
    folder = tmp_path_factory.mktemp("browser")
    with tensorboard(run_folder, folder / "tensorboard.log") as address, browser(folder / "profile") as page:

        def open_page(name: str) -> Browser:
            page.open(f"{address}/#{name}")
            return page

        yield open_page


@pytest.fixture
def artefacts(tmp_path: Path) -> Path:
    """Where screenshots stay: PELLUCID_ARTEFACTS, or the test's own folder."""
    return Path(os.environ.get("PELLUCID_ARTEFACTS") or tmp_path)


def loaded(images: list[tuple[str, int, int]]) -> bool:
    return bool(images) and all(width > 0 and height > 0 for _, width, height in images)


def test_a_missing_browser_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    for name in ("CI", "PELLUCID_BROWSER"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(pytest.skip.Exception, match="was not looked at"):
        chromium()
    for name, value in (("CI", "true"), ("PELLUCID_BROWSER", "required")):
        with monkeypatch.context() as within:
            within.setenv(name, value)
            with pytest.raises(pytest.fail.Exception, match="was not looked at"):
                chromium()


def test_images(look: Look, artefacts: Path) -> None:
    page = look("images&tagFilter=.")  # all in one group, which is open
    page.wait_for_text(*TAGS)
    images = page.wait(page.images, lambda found: len(found) >= len(TAGS) and loaded(found), "loaded images")
    assert len({address for address, _, _ in images}) >= len(TAGS)
    assert max(width for _, width, _ in images) > 500, "as large as they were drawn"
    page.screenshot(artefacts / "images.png")
    assert page.errors() == []


def test_time_series(look: Look, artefacts: Path) -> None:
    page = look("timeseries")
    page.wait_for_text(*GROUPS, "val")
    page.click("Image")
    page.wait_for_text(*GROUPS, gone=("\nval\n",))
    for group in GROUPS:
        page.click(group)
    page.wait(page.images, loaded, "loaded images")
    page.screenshot(artefacts / "time_series.png")
    assert page.errors() == []


def test_hyperparameters(look: Look, run_folder: Path, artefacts: Path) -> None:
    page = look("hparams")
    accuracy = metrics(run_folder)["test/accuracy"]
    page.wait_for_text("Trial ID", "test/accuracy", "optimizer.lr")
    page.click("optimizer.lr")  # of many options the table shows the first few, until one is ticked
    page.wait_for_text("Trial ID", "optimizer.lr", "test/accuracy", "0.0010000", f"{accuracy:.5g}"[:5])
    page.screenshot(artefacts / "hyperparameters.png")
    assert page.errors() == []


def test_graph(look: Look, artefacts: Path) -> None:
    page = look("graphs")
    page.wait_for_text("Main Graph", "input", "output", "CNN")
    page.screenshot(artefacts / "graph.png")
    assert page.errors() == []


def test_projector_shows_a_later_epoch_without_a_restart(
    look: Look, run_folder: Path, artefacts: Path
) -> None:
    page = look("projector")
    page.wait_for_text(
        "epoch 1, embed", f"Points:\n{POINTS}", "Dimension:\n64", "metadata.tsv", "Total variance described"
    )
    page.click("Label by")
    page.wait_for_text(*COLUMNS)
    shot = artefacts / "projector.png"
    page.screenshot(shot)
    assert drawn_greys(shot) >= 12, "the thumbnails are seen"
    assert page.errors() == []

    train(options(2), run_folder, resume=True)
    page.wait(
        lambda: look("projector").wait_for_text(f"Points:\n{POINTS}"),
        lambda t: "2 runs found" in t,
        "epoch 2",
    )
    page.wait_for_text("Total variance described: ", gone=BUSY)
    page.errors()  # of pages that were left while they still worked
    page.click("2 runs found")
    page.wait_for_text("tensorboard/projector/epoch_0001", "tensorboard/projector/epoch_0002")
    page.click("tensorboard/projector/epoch_0002")
    page.wait_for_text("Total variance described: ", f"Points:\n{POINTS}", gone=BUSY)
    page.screenshot(artefacts / "projector_second_epoch.png")
    assert page.errors() == []


def drawn_greys(screenshot: Path) -> int:
    """How many greys, 50 pixels of each or more, are seen in the middle of the page, where the points are."""
    with Image.open(screenshot) as picture:
        pixels = np.asarray(picture.convert("RGB"))[300:800, 500:1100].reshape(-1, 3)
    greys = pixels[(pixels == pixels[:, :1]).all(axis=1), 0]
    return int((np.bincount(greys, minlength=256)[:240] >= 50).sum())
