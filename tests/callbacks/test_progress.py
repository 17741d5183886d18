"""A bar in a terminal, a line an epoch."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.progress import Progress as Bar

from pellucid.callbacks import progress, summary
from pellucid.commands.train import train
from pellucid.system import console as console_module
from tests.helpers import compose


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


def test_the_bar_says_which_view_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    class Noted(Bar):
        def update(self, *given: Any, **options: Any) -> None:
            said.append(options["description"])
            super().update(*given, **options)

    terminal = Console(file=io.StringIO(), force_terminal=True, width=120)
    for module in (console_module, progress, summary):
        monkeypatch.setattr(module, "console", terminal)
    monkeypatch.setattr(progress, "Bar", Noted)
    train(compose("model=dnn", "callbacks=[progress,confusion]", "trainer.max_epochs=2"), tmp_path)
    assert said == ["epoch 1/2, drawing confusion", "epoch 1/2", "epoch 2/2, drawing confusion", "epoch 2/2"]
    assert "Looking into the net: confusion." in (tmp_path / "train.log").read_text()
