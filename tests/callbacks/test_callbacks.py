"""What callbacks print, keep and refuse."""

from __future__ import annotations

import io
import math
from pathlib import Path

import pytest
from rich.console import Console

from pellucid.callbacks import progress, summary
from pellucid.commands.train import train
from pellucid.errors import UserError
from pellucid.inside.summary import Layer
from pellucid.run.epoch import best_epoch
from pellucid.system import console as console_module
from tests.helpers import compose


@pytest.mark.parametrize(
    ("mode", "scores", "better"),
    [
        ("max", [0.5, 0.5, 0.6, float("nan"), 0.55], [True, False, True, False, False]),
        ("min", [0.5, 0.4, 0.4, float("inf"), 0.3], [True, True, False, False, True]),
    ],
)
def test_which_epoch_is_the_best(mode: str, scores: list[float], better: list[bool]) -> None:
    rows = [{"val/x": score} for score in scores]
    assert [best_epoch(rows[:n], "val/x", mode) == n for n in range(1, len(rows) + 1)] == better


def test_without_a_score_the_newest_epoch_counts_until_one_has_one() -> None:
    rows: list[dict[str, float]] = [{}, {}, {"val/x": math.nan}, {"val/x": 0.1}, {}]
    assert [best_epoch(rows[:n], "val/x", "max") for n in range(6)] == [None, 1, 2, 2, 4, 4]


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, ""), (999, "999"), (1000, "1K"), (36_900, "36.9K"), (1_820_000_000, "1.82G"), (3 * 10**12, "3T")],
)
def test_counts_are_short(count: int, text: str) -> None:
    assert summary._short(count) == text


def test_the_summary_in_markdown() -> None:
    layers = [Layer("a", "Linear", (3,), 1200, 0, 2400), Layer("total", "Net", (3,), 1200, 0, 2400)]
    assert summary._markdown(layers, "Net").splitlines()[-1] == "|total|Net|3|1,200|0|2.4K|"


def test_a_terminal_gets_a_bar_and_a_line_an_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=120, highlight=False)
    for module in (console_module, progress, summary):
        monkeypatch.setattr(module, "console", terminal)
    train(compose("model=dnn", "callbacks=progress", "trainer.max_epochs=2"), tmp_path)
    shown = screen.getvalue()
    assert "epoch 1/2" in shown
    assert "40/40" in shown, "the bar counts the steps"
    lines = [line for line in shown.splitlines() if "epoch 2/2" in line and "val/accuracy" in line]
    assert lines
    assert shown.rstrip().endswith("\x1b[0m") or "\x1b[?25h" in shown, "the cursor is back"


def test_summary_refuses_depth_zero() -> None:
    with pytest.raises(UserError, match="at least 1"):
        summary.Summary(depth=0, image_shape=(1, 8, 8), config={})
