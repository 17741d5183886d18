"""The page of an autoencoder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.helpers import make_run, metrics


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
@pytest.mark.parametrize(("batches", "shown"), [(1, True), (0, False)])
def test_a_test_that_was_cut_short_has_a_page(batches: int, shown: bool, tmp_path: Path) -> None:
    limit = f"+trainer.limit_test_batches={batches}"
    folder = make_run(tmp_path / "run", "model=autoencoder", limit, "report=true")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert ('id="reconstructions"' in page) is shown
    assert "look/failed/report" not in metrics(folder)
