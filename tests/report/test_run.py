"""The page of a run: its figures are the run's, its texts stay texts, and a browser can use all of it."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from torch import Tensor, nn

from pellucid.commands.report import report
from pellucid.commands.train import train
from pellucid.config.command_line import split
from pellucid.config.data_override import read_data
from pellucid.data.manifest import SPLITS, Manifest
from pellucid.engine.loaded_run import restore
from pellucid.errors import UserError
from pellucid.report.picture import address, sheet_of, shrunk
from pellucid.report.run.curves import HEIGHT, WIDTH, panels
from pellucid.report.run.embedding import _points
from pellucid.report.run.header import _aim, _commands, _duration, _twice
from pellucid.run.folder import Run
from pellucid.view.curves import curves
from tests.browser import FLAGS, Browser, browser
from tests.fakes import write_photos
from tests.helpers import CONF, compose, make_run, metrics, same, weights

SEEN = "callbacks=[embeddings,film_strip]"
CLASSES = ("<script>alert(1)<", "\"quotes\" & 'more'", "猫")
FILE = "<img src=x onerror=alert(2)>.png"


def changed(*overrides: str) -> Any:
    return read_data(split(list(overrides)), CONF)


def run_report(run: Path, **given: Any) -> Path:
    options = {"checkpoint": "best", "seconds": 30.0, "accelerator": "cpu", "data": changed(), "out": None}
    return report(str(run), **{**options, **given})


def pictures(page: str) -> list[str]:
    return re.findall(r'<img src="([^"]*)"', page)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on digits whose page was written by the training."""
    folder = tmp_path_factory.mktemp("runs") / "digits"
    options = ("model=cnn", "model.channels=[4,8]", "model.hidden=[16]", "trainer.max_epochs=2")
    return make_run(folder, *options, SEEN, "callbacks.embeddings.methods=[pca]", "report=true")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on photos whose classes and files have names that must stay names."""
    folder = tmp_path_factory.mktemp("hostile")
    root = folder / "photos"
    for seed, part in enumerate(("train", "test")):
        write_photos(root / part, dict.fromkeys(CLASSES, 8), seed=seed)
    for name in CLASSES:
        photo = next((root / "test" / name).iterdir())
        photo.rename(photo.with_name(FILE))
    data = ("data=image_folder", f"data.root={root}", f"data.cache={folder / 'cache'}", "data.image_size=72")
    return make_run(folder / "run", "model=cnn", "model.channels=[2,4]", *data, SEEN)


def test_the_training_writes_it_and_says_what_it_has_measured(trained: Path) -> None:
    page = (trained / "report.html").read_text(encoding="utf-8")
    noted = metrics(trained)
    assert f"{noted['test/accuracy']:.4f}" in page
    assert f"{noted['val/accuracy']:.4f}" in page
    assert noted["data/fingerprint"] in page
    assert noted["seconds/report"] > 0
    assert "running" not in re.sub(r"<script.*", "", page, flags=re.DOTALL)
    for part in ("curves", "mistakes", "feature_maps", "embedding", "film_strip", "repeat", "about"):
        assert f'<section id="{part}">' in page, part
    counts = [int(count) for count in re.findall(r"taken for [^\"]*: (\d+)\"", page)]
    assert sum(counts) == noted["data/test"]


@pytest.mark.slow
def test_it_is_one_small_file_that_calls_nobody(trained: Path, hostile: Path) -> None:
    for path in (trained / "report.html", run_report(hostile)):
        page = path.read_text(encoding="utf-8")
        assert len(page.encode()) < 5e6
        assert "default-src 'none'" in page
        assert pictures(page)
        assert all(source.startswith("data:image/") for source in pictures(page))
        assert not re.search(r"(src|href)=\"?(https?:)?//", page)


def test_pictures_are_pictures(trained: Path) -> None:
    page = (trained / "report.html").read_text(encoding="utf-8")
    for source in set(pictures(page)):
        with Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))) as picture:
            picture.load()


@pytest.mark.slow
def test_the_weights_are_those_of_a_run_without_it(tmp_path: Path, trained: Path) -> None:
    options = ("model=cnn", "model.channels=[4,8]", "model.hidden=[16]", "trainer.max_epochs=2")
    plain = make_run(tmp_path / "plain", *options)
    assert same(weights(plain), weights(trained))
    assert not (plain / "report.html").exists()
    for name in ("test/loss", "test/accuracy"):
        assert metrics(plain)[name] == metrics(trained)[name]


@pytest.mark.slow
def test_names_stay_text(hostile: Path) -> None:
    page = run_report(hostile).read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert(1)&lt;" in page
    assert "猫" in page
    inside = page.partition('id="data">')[2].partition("</script>")[0]
    assert set(json.loads(inside)["names"]) <= set(CLASSES)


@pytest.mark.slow
def test_without_its_photos_a_run_still_has_a_page(hostile: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(hostile, tmp_path / "run"))
    root = Path(Run(folder).config()["data"]["root"])
    moved = Path(shutil.copytree(root, tmp_path / "moved"))
    config = folder / ".hydra" / "config.yaml"
    config.write_text(config.read_text("utf-8").replace(str(root), str(tmp_path / "gone")), "utf-8")
    page = run_report(folder, out=str(tmp_path / "out")).read_text(encoding="utf-8")
    assert "could not be read here" in page
    assert 'id="curves"' in page
    assert 'id="mistakes"' not in page
    whole = run_report(folder, data=changed(f"data.root={moved}")).read_text(encoding="utf-8")
    assert 'id="mistakes"' in whole
    with pytest.raises(UserError, match="nowhere"):
        run_report(folder, data=changed(f"data.root={tmp_path / 'nowhere'}"))


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


def test_commands_of_a_run_wherever_it_lies(trained: Path) -> None:
    run = restore(trained)
    for folder, told in (("/run", "/run"), ("/a/outputs/cnn_digits/x", "outputs/cnn_digits/x")):
        commands = _commands(replace(run, run=Run(Path(folder))))
        assert f"run={told} " in commands["Ask why"]


def test_the_budget_to_go_on_with_is_a_larger_one() -> None:
    assert _twice({"max_epochs": 10}) == "trainer.max_epochs=20"
    assert _twice({"max_epochs": -1, "max_steps": 100}) == "trainer.max_steps=200"
    assert _twice({"max_epochs": 5, "max_steps": 100}) == "trainer.max_epochs=10 trainer.max_steps=200"


def test_the_map_of_images_names_its_layer(trained: Path, tmp_path: Path) -> None:
    assert "by what the last linear layer sees" in (trained / "report.html").read_text(encoding="utf-8")
    view = (
        "callbacks=[embeddings]",
        "callbacks.embeddings.layer=features.1",
        "callbacks.embeddings.methods=[pca]",
    )
    folder = make_run(tmp_path / "run", "model=dnn", "model.hidden=[4]", *view, "report=true")
    assert "by what layer features.1 gives" in (folder / "report.html").read_text(encoding="utf-8")


def test_without_validation_none_is_called_the_best(trained: Path) -> None:
    run = restore(trained)
    assert "the best by" in _aim(run, {}, None)
    unvalidated = {**run.config, "trainer": {**run.config["trainer"], "limit_val_batches": 0}}
    assert "the best by" not in _aim(replace(run, config=unvalidated), {}, None)


def test_an_autoencoder_has_reconstructions(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", "model=autoencoder", "callbacks=[latent,film_strip]", "report=true")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert 'id="reconstructions"' in page
    assert "Walks through the latent space" in page
    assert 'id="mistakes"' not in page
    assert 'id="film_strip"' in page
    worst = page.partition("<h3>the worst</h3>")[2]
    best = page.partition("<h3>the best</h3>")[2]
    first = [float(re.findall(r"<figcaption>([\d.]+)", part)[0]) for part in (best, worst)]
    assert first[0] < metrics(folder)["test/mse"] < first[1]


@pytest.mark.slow
def test_a_checkpoint_alone_has_a_page(trained: Path, tmp_path: Path) -> None:
    alone = Path(shutil.copy(trained / "checkpoints" / "best.ckpt", tmp_path / "mine.ckpt"))
    path = run_report(alone)
    assert path == tmp_path / "mine" / "report.html"
    page = path.read_text(encoding="utf-8")
    assert 'id="mistakes"' in page
    assert 'id="curves"' not in page


def test_a_page_that_fails_does_not_fail_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.report.run.page.page", lambda *given, **more: 1 / 0)
    folder = make_run(tmp_path / "run", "model=dnn", "model.hidden=[4]", "report=true")
    assert metrics(folder)["status"] == "finished"
    assert metrics(folder)["look/failed/report"] == 1
    assert "ZeroDivisionError" in (folder / "train.log").read_text()
    assert not (folder / "report.html").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("batches", "shown"), [(1, True), (0, False)])
def test_a_test_that_was_cut_short_has_a_page(batches: int, shown: bool, tmp_path: Path) -> None:
    limit = f"+trainer.limit_test_batches={batches}"
    folder = make_run(tmp_path / "run", "model=autoencoder", limit, "report=true")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert ('id="reconstructions"' in page) is shown
    assert "look/failed/report" not in metrics(folder)


class Plain(nn.Module):
    """A user's net: forward alone, of no base of ours."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, width, 3), nn.ReLU(inplace=True), nn.Flatten())
        self.last = nn.Linear(36 * width, 10)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        logits_BK: Tensor = self.last(self.body(images_BCHW))
        return logits_BK


def test_a_net_of_ones_own_has_a_page(tmp_path: Path) -> None:
    config = compose("model=own", "packages=[tests]", "report=true")
    config["model"] = {"_target_": f"{__name__}.Plain", "width": 4}
    train(config, tmp_path / "run")
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    for part in ("mistakes", "feature_maps", "embedding"):
        assert f'<section id="{part}">' in page, part


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no run folder"):
        run_report(tmp_path)
    with pytest.raises(UserError, match="expected 0 or more"):
        run_report(tmp_path, seconds=-1.0)


def test_curves_are_drawn_where_they_belong(tmp_path: Path) -> None:
    rows = [{"epoch": e, "train/loss": 2.0 / e, "val/loss": 3.0 / e} for e in (1.0, 2.0, 3.0, 4.0)]
    (panel,) = panels(curves(rows), 2)
    assert panel.name == "loss"
    assert [line.stage for line in panel.lines] == ["train", "val"]
    xs = [point[0] for point in panel.lines[0].points]
    assert xs == pytest.approx([0, WIDTH / 3, 2 * WIDTH / 3, WIDTH], abs=0.1)
    assert panel.best == pytest.approx(WIDTH / 3, abs=0.1)
    low, high = (float(panel.y_ticks[place][1]) for place in (0, -1))
    for _, y, _, value in panel.lines[1].points:
        assert y == pytest.approx(HEIGHT * (high - value) / (high - low), abs=0.1)
    assert Run(tmp_path / "none").rows() == []


def test_a_single_epoch_and_values_that_are_no_numbers(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("epoch,val/loss\n1,nan\n2,1.5\n")
    rows = Run(tmp_path).rows()
    assert rows == [{"epoch": 1}, {"epoch": 2, "val/loss": 1.5}]
    (panel,) = panels(curves(rows), 1)
    assert len(panel.lines[0].points) == 1


def test_points_keep_their_distances() -> None:
    points = _points(np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 1.0]]), [0, 1, 0])
    assert points[1].x - points[0].x == pytest.approx(4 * (points[0].y - points[2].y), abs=0.3)
    assert points[0].colour == points[2].colour != points[1].colour


def test_pictures_are_made_small() -> None:
    picture = np.zeros((100, 50, 3))
    picture[:50] = 1
    small = shrunk(picture, 10)
    assert small.shape == (10, 5, 3)
    assert small.dtype == np.uint8
    assert small[0, 0, 0] == 255
    assert shrunk(small, 10) is small
    assert address(small, photo=True).startswith("data:image/png"), "a small one keeps its pixels"
    assert address(np.zeros((80, 80, 3), np.uint8), photo=True).startswith("data:image/jpeg")
    page = sheet_of([np.full((2, 2, 3), n, np.uint8) for n in range(5)], 3)
    assert page.shape == (4, 6, 3)
    assert page[3, 3, 0] == 4


@pytest.mark.slow
def test_explaining_ends_when_its_time_is_over(trained: Path) -> None:
    page = run_report(trained, seconds=0.0, out=str(trained / "hurry")).read_text(encoding="utf-8")
    assert "saliency of" not in page
    page = run_report(trained, out=str(trained / "time")).read_text(encoding="utf-8")
    for method in ("saliency", "integrated gradients", r"Grad-CAM at features\.\d", "occlusion"):
        assert re.search(f"{method} of", page), method


def test_durations() -> None:
    texts = [_duration(s) for s in (None, 0.5, 12.34, 300, 7260)]
    assert texts == ["", "0.5 s", "12.3 s", "5 min", "2 h 01 min"]


@pytest.fixture(scope="module")
def chromium_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile") / "chromium") as opened:
        yield opened


def script(opened: Browser, code: str, *given: Any) -> Any:
    return opened.driver.execute_script(code, *given)


@pytest.mark.slow
def test_the_page_in_a_browser(chromium_page: Browser, trained: Path) -> None:
    opened = chromium_page
    opened.driver.set_window_size(1300, 1000)
    opened.open(run_report(trained, out=str(trained / "whole")).as_uri())
    for link in script(opened, "return [...document.querySelectorAll('nav a')].map(a => a.hash)"):
        box = script(
            opened, "return document.querySelector(arguments[0]).getBoundingClientRect().height", link
        )
        assert box > 50, link
    # Cells: one is open, a click opens another with its images and maps.
    visible = "return [...document.querySelectorAll('.cell')].filter(c => !c.hidden).map(c => c.id)"
    before = script(opened, visible)
    assert len(before) == 1
    others = "return [...document.querySelectorAll('.matrix a')].map(a => a.hash)"
    other = next(link for link in script(opened, others) if link[1:] != before[0])
    script(opened, "document.querySelector(`.matrix a[href='${arguments[0]}']`).click()", other)
    assert script(opened, visible) == [other[1:]]
    assert script(opened, "return document.querySelectorAll('.cell:not([hidden]) img').length") >= 5
    # Layers: the slider goes from one to the next, a button to another image.
    name = "return document.querySelector('.layer:not([hidden]) h3').textContent"
    first = script(opened, name)
    move = """const input = document.querySelector(arguments[0] + ' input'); input.value = arguments[1];
              input.dispatchEvent(new Event('input'))"""
    script(opened, move, "#feature_maps", 1)
    assert script(opened, name) != first
    images = """return [...document.querySelectorAll('.layer:not([hidden]) .seen:not([hidden])')]
      .map(s => s.dataset.image)"""
    assert script(opened, images) == ["0"]
    script(opened, "document.querySelectorAll('.chooser button')[2].click()")
    assert script(opened, images) == ["2"]
    # Epochs: the slider shows another part of the strips, and what was said then.
    place = """return [document.querySelector('.window').scrollLeft,
      document.querySelector('#film_strip output').textContent]"""
    script(opened, move, "#film_strip", 0)
    assert script(opened, place) == [0, "epoch 1"]
    script(opened, move, "#film_strip", 1)
    moved, told = script(opened, place)
    assert moved > 50
    assert told == "epoch 2"
    # Hover: the image of the nearest point.
    hover = """const mark = document.querySelector('.scatter path');
      mark.scrollIntoView({block: 'center'});
      const box = mark.getBoundingClientRect();
      mark.dispatchEvent(new PointerEvent('pointermove',
        {bubbles: true, clientX: box.x + box.width / 2, clientY: box.y + box.height / 2}));
      const thumbnail = document.querySelector('#tip .thumbnail');
      return [document.getElementById('tip').hidden, thumbnail.style.backgroundImage.slice(0, 15),
        document.getElementById('tip').textContent]"""
    hidden, background, said = script(opened, hover)
    assert not hidden
    assert background.startswith('url("data:image')
    assert "digits/" in said
    assert script(opened, "return document.querySelectorAll('.scatter path.lit').length") == 1
    loaded = script(opened, "return performance.getEntriesByType('resource').map(e => e.name.slice(0, 5))")
    assert set(loaded) <= {"data:"}
    assert opened.errors() == []


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1300])
def test_the_page_on_any_width_with_any_name(chromium_page: Browser, hostile: Path, width: int) -> None:
    opened = chromium_page
    path = run_report(hostile)
    opened.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500},
    )
    try:
        opened.open(path.as_uri())
        assert script(opened, "return document.documentElement.scrollWidth") <= width
        small = """return [...document.querySelectorAll('p, td, dd, h2, figcaption, code, .label')]
          .filter(e => e.checkVisibility() && parseFloat(getComputedStyle(e).fontSize) < 10.5)
          .map(e => e.outerHTML.slice(0, 80))"""
        assert script(opened, small) == []
        text = opened.text()
        for name in CLASSES:
            assert name in text
        assert "script" not in [
            e.tag_name for e in opened.driver.find_elements("css selector", ".cell script")
        ]
        assert script(opened, "return document.querySelectorAll('img[onerror]').length") == 0
        assert opened.errors() == []
    finally:
        opened.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.slow
def test_without_scripts_the_pictures_are_still_there(chromium_page: Browser, trained: Path) -> None:
    opened = chromium_page
    opened.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        opened.open((trained / "report.html").as_uri())
        found = opened.driver.execute_cdp_cmd(
            "Runtime.evaluate",
            {
                "expression": """JSON.stringify([...document.querySelectorAll('section img')]
                  .filter(i => !i.closest('details'))
                  .map(i => i.checkVisibility() && i.naturalWidth > 0 && i.clientWidth > 0))""",
                "returnByValue": True,
            },
        )
        shown = json.loads(found["result"]["value"])
        assert len(shown) > 50
        assert all(shown)
    finally:
        opened.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_the_browser_can_call_nobody() -> None:
    assert any("NOTFOUND" in flag for flag in FLAGS), "or the tests above would not show it"
