"""Runs with pages, and what a section of a page is made from, by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pellucid.data.images import Split
from pellucid.inside.predictor import Predictor
from pellucid.report.run.context import Context
from pellucid.run.folder import Run
from pellucid.spec import Spec
from tests.report.run.written import digits_run, hostile_run
from tests.view.conftest import classify

SPEC = Spec((1, 2, 2), ("cat", "dog"), (0.0,), (1.0,), "none")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return digits_run(tmp_path_factory)


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hostile_run(tmp_path_factory)


@pytest.fixture
def make_context(tmp_path: Path) -> Callable[..., Context]:
    """Of a net for grey images of 2 × 2, cats and dogs, as both splits; the run is at ``tmp_path``."""

    def make(net: nn.Module, pixels_BCHW: Tensor, labels: Sequence[int], **changes: Any) -> Context:
        files = [f"{n}.png" for n in range(len(labels))]
        split = Split.whole(pixels_BCHW, torch.tensor(labels), files)
        loaded: Any = SimpleNamespace(
            run=Run(tmp_path),
            spec=SPEC,
            config={"seed": 0, "callbacks": None},
            class_counts=lambda: None,
        )
        data: Any = SimpleNamespace(splits={"val": split, "test": split})
        predictor = Predictor(net.eval(), SPEC, torch.device("cpu"), classify)
        given: dict[str, Any] = {
            "evaluation": None,
            "explainers": {},
            "recorded": {},
            "seconds": 60.0,
            "as_trained": True,
        }
        return Context(loaded=loaded, predictor=predictor, data=data, **{**given, **changes})

    return make
