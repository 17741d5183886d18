"""The page's mistakes: images in their cells, explained as long as there is time."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from pellucid.metrics.predictions import Predictions
from pellucid.report.run.context import Context
from pellucid.report.run.mistakes import mistakes
from tests.report.run.written import run_report


@pytest.mark.slow
def test_explaining_ends_when_its_time_is_over(trained: Path) -> None:
    page = run_report(trained, seconds=0.0, out=str(trained / "hurry")).read_text(encoding="utf-8")
    assert "saliency of" not in page
    page = run_report(trained, out=str(trained / "time")).read_text(encoding="utf-8")
    for method in ("saliency", "integrated gradients", r"Grad-CAM at features\.\d", "occlusion"):
        assert re.search(f"{method} of", page), method


def test_cells_hold_the_images_that_belong_to_them(make_context: Callable[..., Context]) -> None:
    """Two cats, of which one is taken for a dog, and a dog that is recognised."""
    predictions = Predictions(
        index_N=torch.arange(3),
        labels_N=torch.tensor([0, 0, 1]),
        values={"predicted": torch.tensor([0, 1, 1]), "confidence": torch.tensor([0.9, 0.8, 0.7])},
    )
    evaluation = SimpleNamespace(predictions=predictions)
    pixels = torch.zeros(3, 1, 2, 2, dtype=torch.uint8)
    section = mistakes(make_context(nn.Flatten(), pixels, [0, 0, 1], evaluation=evaluation))
    assert section.counts == [[1, 1], [0, 1]]
    assert section.shares == [[0.5, 0.5], [0.0, 1.0]]
    shown = {
        place: [(s.file, round(s.confidence, 2)) for s in cell.images]
        for place, cell in section.cells.items()
    }
    assert shown == {(0, 0): [("0.png", 0.9)], (0, 1): [("1.png", 0.8)], (1, 1): [("2.png", 0.7)]}
    assert [cell.count for cell in section.cells.values()] == [1, 1, 1]
    assert (section.shown, section.images, section.explained, section.methods) == (3, 3, 0, [])
