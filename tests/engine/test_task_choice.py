"""Labels choose the task, unless the user has; what does not fit is told in one paragraph."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from pellucid.engine.build import assemble
from pellucid.engine.task_choice import check_targets, fitting_task
from pellucid.errors import UserError
from pellucid.spec import CLASS, MULTILABEL, NUMBERS
from pellucid.task.multilabel import Multilabel
from pellucid.task.reconstruction import Reconstruction
from pellucid.task.regression import Regression
from tests.helpers import compose

SHAPES, ARROWS = (["packages=[tests]", f"data._target_=tests.drawn.{name}"] for name in ("Shapes", "Arrows"))


def test_labels_choose_the_task() -> None:
    for line, kind in ((SHAPES, Multilabel), (ARROWS, Regression)):
        data, task = assemble(compose(*line))
        assert type(task) is kind
        assert task.num_classes == len(data.spec.classes)
        assert type(assemble(compose(*line, "model=autoencoder"))[1]) is Reconstruction
        stated = compose(*line, f"task={kind.kind}")
        assert fitting_task(compose(*line), kind.labels) == stated["task"], "as its YAML has it"
        assert fitting_task(stated, kind.labels, [f"task={kind.kind}"]) is stated["task"]


@pytest.mark.parametrize(
    ("line", "labels", "said"),
    [
        (
            ["task=classification"],
            MULTILABEL,
            "these have several labels each. Leave it out, or take task=mult",
        ),
        (["task=multilabel"], CLASS, "task=multilabel: .* several labels each; these have one class each"),
        (["task=regression"], MULTILABEL, "task=regression: .* these have several labels each"),
        (
            ["task.label_smoothing=0.1"],
            NUMBERS,
            r"task\.label_smoothing: .* for which task=regression is taken",
        ),
    ],
)
def test_a_task_that_does_not_fit_is_told(line: list[str], labels: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        fitting_task(compose(*line), labels, line)


def test_labels_without_images_are_told(caplog: pytest.LogCaptureFixture) -> None:
    def check(**has: list[list[bool]]) -> str:
        caplog.clear()
        splits = {name: SimpleNamespace(targets=torch.tensor(rows)) for name, rows in has.items()}
        data: Any = SimpleNamespace(
            spec=SimpleNamespace(labels=MULTILABEL, classes=("a", "b")), splits=splits
        )
        with caplog.at_level(logging.WARNING):
            check_targets(data)
        return caplog.text

    assert not check(train=[[True, True]], val=[[True, False], [False, True]])
    assert "No val image has b (1 label): val/map is the mean over the others" in check(
        train=[[True, True]], val=[[True, False]]
    )
    assert "No train image has a, b (2 labels): nothing is learned" in check(
        train=[[False, False]], val=[[True, True]]
    )
