"""TensorBoard as a user sees it: its server, and its pages in a headless Chromium."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # it can call nobody
    "--use-gl=angle",  # WebGL without a graphics card, which the projector draws with
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--window-size=1600,1000",
)

# Runs over the page with what is in shadow roots and frames; hidden parts are left out.
WALK = """
const found = [];
function walk(node, visit) {
  if (node.nodeType === Node.ELEMENT_NODE) {
    if (['SCRIPT', 'STYLE', 'TEMPLATE'].includes(node.tagName) || !node.checkVisibility()) return;
    visit(node);
    if (node.shadowRoot) walk(node.shadowRoot, visit);
    if (node.tagName === 'IFRAME' && node.contentDocument) walk(node.contentDocument, visit);
  }
  if (node.nodeType === Node.TEXT_NODE) visit(node);
  for (const child of node.childNodes) walk(child, visit);
}
"""
TEXT = WALK + (
    "walk(document, n => { if (n.nodeType === Node.TEXT_NODE) found.push(n.data);"
    " if (n.tagName === 'INPUT' && ['text', 'search'].includes(n.type)) found.push(n.value) });"
    "return found.map(t => t.replace(/\\s+/g, ' ').trim()).filter(t => t).join('\\n');"
)
IMAGES = WALK + (
    "walk(document, n => { if (n.tagName === 'IMG') found.push([n.src, n.naturalWidth, n.naturalHeight]) });"
    "return found;"
)
CLICK = WALK + (
    "walk(document, n => { if (n.nodeType === Node.TEXT_NODE && n.data.trim() === arguments[0])"
    " found.push(n.parentElement) }); if (found.length) found[0].click(); return found.length;"
)


def chromium() -> tuple[str, str]:
    """Paths of Chromium and its driver. Without them the test is skipped, and fails where they must be."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if browser and driver:
        return browser, driver
    said = "No chromium and chromedriver on the PATH: what TensorBoard shows was not looked at."
    if os.environ.get("CI") or os.environ.get("PELLUCID_BROWSER") == "required":
        pytest.fail(said)
    pytest.skip(said)


@contextmanager
def tensorboard(folder: Path, log: Path, *, seconds: float = 60) -> Iterator[str]:
    """The address of a TensorBoard of ``folder`` that looks for new data every second."""
    arguments = ["--logdir", str(folder), "--host", "127.0.0.1", "--port", "0", "--reload_interval", "1"]
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "tensorboard.main", *arguments, "--samples_per_plugin", "images=1000"],
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        yield _address(process, log, seconds)
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(process: subprocess.Popen[bytes], log: Path, seconds: float) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        if found := re.search(r"at (http://127\.0\.0\.1:\d+)/", log.read_text(errors="replace")):
            return found[1]
        time.sleep(0.1)
    raise AssertionError(f"TensorBoard did not start:\n{log.read_text(errors='replace')}")


class Browser:
    """One page of a headless Chromium with an empty profile."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def open(self, address: str) -> None:
        self.driver.get("about:blank")  # a change of the part behind # alone loads nothing
        self.driver.get(address)

    def text(self) -> str:
        """What can be read on the page, also in shadow roots, frames and fields, a line for each piece."""
        return str(self.driver.execute_script(TEXT))

    def images(self) -> list[tuple[str, int, int]]:
        """Address, width and height in pixels of each picture; width and height are 0 until it is loaded."""
        return [tuple(found) for found in self.driver.execute_script(IMAGES)]

    def click(self, text: str) -> None:
        """Click on the first thing with exactly this text."""
        assert self.driver.execute_script(CLICK, text), f"no '{text}' on this page:\n{self.text()}"

    def wait_for_text(self, *words: str, gone: tuple[str, ...] = (), seconds: float = 30) -> str:
        """The page's text once it holds all of ``words`` and none of ``gone``."""

        def holds(text: str) -> bool:
            return all(word in text for word in words) and not any(word in text for word in gone)

        return str(self.wait(self.text, holds, words, seconds))

    def wait(
        self, read: Callable[[], Any], holds: Callable[[Any], bool], said: object, seconds: float = 30
    ) -> Any:
        """What ``read`` gives once ``holds`` is true of it."""
        end = time.monotonic() + seconds
        while not holds(value := read()):
            assert time.monotonic() < end, f"{said} not seen within {seconds} seconds, but:\n{value}"
            time.sleep(0.2)
        return value

    def errors(self) -> list[str]:
        """What the page has complained of since the last call."""
        entries: list[dict[str, Any]] = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [str(entry["message"]) for entry in entries if entry["level"] == "SEVERE"]

    def screenshot(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        assert self.driver.save_screenshot(str(path))


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A headless Chromium that keeps all its files in ``profile`` and reaches this machine alone."""
    binary, driver = chromium()
    profile.mkdir(exist_ok=True)
    options = ChromeOptions()
    options.binary_location = binary
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("no_proxy", "127.0.0.1,localhost")  # between the test, the driver and the browser
        service = Service(driver, env={**os.environ, "HOME": str(profile)})
        started = Chrome(options=options, service=service)
        try:
            yield Browser(started)
        finally:
            started.quit()
