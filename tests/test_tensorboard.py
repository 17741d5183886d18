"""What a user sees of a run in TensorBoard's pages, looked at in a browser."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.tensorboard import SummaryWriter

from pellucid.inside.projector import COLUMNS, write_projector
from pellucid.train import train
from tests.browser import Browser, browser, chromium, tensorboard
from tests.helpers import compose, metrics

pytestmark = pytest.mark.slow
Look = Callable[[str], Browser]
BUSY = ("Fetching", "Parsing", "Computing")  # what the projector says while it works
TAGS = ("explanations", "feature_maps/features.0", "predictions")
GROUPS = tuple(tag.split("/")[0] for tag in TAGS)
POINTS = 200


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    chromium()  # before the work of training
    folder = tmp_path_factory.mktemp("run")
    train(compose("model=cnn", "logger=tensorboard", "trainer.max_epochs=2"), folder)
    # TODO: these come from the run itself once it draws them; then `add_epoch` serves the later epoch alone.
    random = np.random.default_rng(0)
    with SummaryWriter(str(folder / "tensorboard")) as writer, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, of its tracing
        for step in (31, 62):
            for tag in TAGS:
                picture = random.integers(0, 256, (40, 60, 3), dtype=np.uint8)
                writer.add_image(tag, picture, step, dataformats="HWC")
        net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
        writer.add_graph(net, torch.zeros(1, 1, 8, 8))
    add_epoch(folder, 1)
    return folder


def add_epoch(folder: Path, epoch: int) -> None:
    """The projector's files of one more epoch, as if it had just ended."""
    random = np.random.default_rng(epoch)
    digits = np.arange(POINTS) % 10
    values = (
        range(POINTS),
        [f"digit_{row}.png" for row in range(POINTS)],
        digits,
        digits,
        digits < 9,
        digits / 9,
    )
    write_projector(
        folder / "tensorboard" / "projector" / f"epoch_{epoch:04d}",
        name="embedding",
        vectors_ND=random.normal(size=(POINTS, 16)) + digits[:, None],
        columns=dict(zip(COLUMNS, map(list, values), strict=True)),
        thumbnails_NHWC=np.broadcast_to(
            (digits * 20 + 50).astype(np.uint8)[:, None, None, None], (POINTS, 8, 8, 3)
        ),
        same_as=None,
    )


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
    page.wait_for_text(*TAGS, "step\n62")
    images = page.wait(page.images, lambda found: len(found) >= len(TAGS) and loaded(found), "loaded images")
    assert len({address for address, _, _ in images}) == len(TAGS)
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


def test_projector(look: Look, run_folder: Path, artefacts: Path) -> None:
    page = look("projector")
    page.wait_for_text(
        "embedding", f"Points:\n{POINTS}", "Dimension:\n16", "metadata.tsv", "Total variance described"
    )
    page.click("Label by")
    page.wait_for_text(*COLUMNS)
    shot = artefacts / "projector.png"
    page.screenshot(shot)
    assert drawn_greys(shot) >= 8, "the thumbnails of ten digits, each of its own grey, are seen"
    assert page.errors() == []

    add_epoch(run_folder, 2)
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
    """How many of the thumbnails' ten greys the screenshot shows, each in 20 pixels or more."""
    with Image.open(screenshot) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    return sum(int((pixels == grey).all(axis=-1).sum() >= 20) for grey in range(50, 250, 20))


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
    page.wait_for_text("Main Graph", "input", "output", "Sequential")
    page.screenshot(artefacts / "graph.png")
    assert page.errors() == []
