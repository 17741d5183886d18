"""Tables and progress bars, each in one style."""

from __future__ import annotations

import io

import pytest

from pellucid.system.console import _Console, console


def test_texts_stand_at_the_left_and_numbers_at_the_right(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    terminal = _Console(file=file, width=40)
    table = terminal.table("a title", ("name", "count"), left=("name",))
    table.add_row("one", "1")
    table.add_row("thousands", "2,345")
    terminal.print(table)
    lines = file.getvalue().splitlines()
    assert lines[0].strip() == "a title"
    assert lines[4] == "│ one       │     1 │"
    assert lines[5] == "│ thousands │ 2,345 │"


@pytest.mark.parametrize(("terminal", "shown", "bar"), [(True, True, True), (True, False, False)])
def test_a_bar_is_shown_on_a_terminal_only(terminal: bool, shown: bool, bar: bool) -> None:
    file = io.StringIO()
    there = _Console(file=file, force_terminal=terminal, width=60)
    assert list(there.track(range(3), "Looking", 3, shown=shown)) == [0, 1, 2]
    assert ("Looking" in file.getvalue()) == bar


def test_elsewhere_there_are_no_bars(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(console.track(iter("ab"), "Looking")) == ["a", "b"]
    with console.progress() as progress:
        progress.advance(progress.add_task("Looking", total=1))
    assert capsys.readouterr() == ("", "")
