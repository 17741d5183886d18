"""What is found out without a Trainer; with one, see the tests of ``Views``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from pellucid.callbacks.finder import Finder, Given
from pellucid.discovery.normalization import Normalization
from pellucid.discovery.pool import Pool, given_pool
from pellucid.errors import UserError

NOTHING: dict[str, Any] = {
    **dict.fromkeys(("net", "batch", "normalization", "score")),
    "classes": (),
    "seed": 0,
}


def net(outputs: int = 3) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(4, outputs))


def pool() -> Pool:
    return given_pool(torch.rand(6, 1, 2, 2, generator=torch.Generator().manual_seed(0)), torch.arange(6) % 3)


def test_what_was_said_is_a_mistake_where_it_is_not_there() -> None:
    assert not Given(**NOTHING).where
    assert not Given(**{**NOTHING, "classes": ("a", "b")}).where, "names are nowhere"
    assert Given(**{**NOTHING, "score": "logits"}).where


def test_a_net_and_images_are_all_that_is_needed(tmp_path: Path) -> None:
    finder = Finder(Given(**NOTHING), net(), tmp_path, pool=pool())
    assert finder.has_news
    host = finder.host()
    assert host is not None
    assert not finder.has_news
    assert (host.split, host.source, host.total) == ("given", "images", 6)
    assert host.found.output.text == "scores of 3 classes"
    assert not host.has_training_images


def test_what_was_said_is_taken(tmp_path: Path) -> None:
    said = Normalization((0.5,), (0.25,), "as given")
    given = Given(**{**NOTHING, "classes": ("cat", "dog", "eel"), "normalization": said})
    host = Finder(given, net(), tmp_path, pool=pool()).host()
    assert host is not None
    assert host.spec.classes == ("cat", "dog", "eel")
    assert (host.spec.mean, host.spec.std, host.spec.statistics) == ((0.5,), (0.25,), "as given")


def test_a_net_that_does_not_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"No net in Linear runs on its images \(6, 1, 2, 2\)"):
        Finder(Given(**NOTHING), nn.Linear(7, 2), tmp_path, pool=pool()).host()


def test_without_images_nothing_is_known_yet(tmp_path: Path) -> None:
    finder = Finder(Given(**NOTHING), net(), tmp_path)
    assert not finder.has_news
    assert finder.host() is None
