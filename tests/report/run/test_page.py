"""The page of a run: its figures are the run's, its texts stay texts, and a browser can use all of it."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from torch import Tensor, nn

from pellucid.commands.train import train
from tests.browser import FLAGS, Browser, browser
from tests.helpers import compose, make_run, metrics, same, weights
from tests.report.run.written import CLASSES, run_report


def pictures(page: str) -> list[str]:
    return re.findall(r'<img src="([^"]*)"', page)


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
    assert "by what the last linear layer sees" in page
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
    view = (
        "callbacks=[embeddings]",
        "callbacks.embeddings.layer=body.0",
        "callbacks.embeddings.methods=[pca]",
    )
    config = compose("model=own", "packages=[tests]", "report=true", *view)
    config["model"] = {"_target_": f"{__name__}.Plain", "width": 4}
    train(config, tmp_path / "run")
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    for part in ("mistakes", "feature_maps", "embedding"):
        assert f'<section id="{part}">' in page, part
    assert "by what layer body.0 gives" in page


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
