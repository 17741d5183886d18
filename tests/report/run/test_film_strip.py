"""The page's film strips, of two epochs that were kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from pellucid.report.run.context import Context
from pellucid.report.run.film_strip import film_strip

IMAGES = torch.tensor([[[0, 51], [102, 255]], [[0, 0], [0, 0]]], dtype=torch.uint8)[:, None]


def keep(run: Path, epoch: int, predicted: list[int], images: int = 2) -> None:
    folder = run / "figures" / "film_strip" / "frames"
    folder.mkdir(parents=True, exist_ok=True)
    frame: dict[str, Any] = {"predicted": predicted, "confidence": [0.75] * len(predicted)}
    frame["map/a map 0"] = np.ones((images, 2, 2))
    np.savez(folder / f"epoch_{epoch:04d}.npz", **frame)


def test_strips_of_the_epochs_that_were_kept(make_context: Callable[..., Context], tmp_path: Path) -> None:
    keep(tmp_path, 1, [0, 0])
    keep(tmp_path, 4, [1, 1])
    section = film_strip(make_context(nn.Flatten(), IMAGES, [1, 0]))
    assert section is not None
    assert (section.epochs, section.total) == ([1, 4], 4)
    for strip in section.strips:
        assert (strip.file, strip.name) in {("0.png", "dog"), ("1.png", "cat")}
        assert strip.captions == ["cat 0.75", "dog 0.75"]
        assert strip.right == ([False, True] if strip.name == "dog" else [True, False])
        assert len(strip.rows) == 1


def test_there_is_none_of_other_images_and_none_where_nothing_was_kept(
    make_context: Callable[..., Context], tmp_path: Path
) -> None:
    assert film_strip(make_context(nn.Flatten(), IMAGES, [1, 0])) is None
    keep(tmp_path, 1, [0, 0])
    assert film_strip(make_context(nn.Flatten(), IMAGES, [1, 0], as_trained=False)) is None


def test_what_does_not_fit_the_images_is_told(
    make_context: Callable[..., Context], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keep(tmp_path, 1, [0], images=1)
    keep(tmp_path, 2, [7], images=1)  # no such class
    assert film_strip(make_context(nn.Flatten(), IMAGES, [1, 0])) is None
    assert "What the views have kept in figures cannot be used" in caplog.text
