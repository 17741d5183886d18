"""Tables and progress bars, each in one style."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import pytest

from pellucid.system.console import FILE_ONLY, _Console, console, start_logging, stop_logging


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


def test_rows_stand_in_columns_and_no_word_is_broken() -> None:
    file = io.StringIO()
    path = "root=/a/folder-of-a/name-longer/than-the-line"
    _Console(file=file, width=30).rows(
        [("data", "own", f"size=3 {path} x=1"), ("run", "", "seed=0"), ("a", "b", "")]
    )
    assert file.getvalue().splitlines() == [
        "data  own  size=3",
        f"           {path}",
        "           x=1",
        "run        seed=0",
        "a     b",
    ]


def test_what_is_for_the_log_alone_is_not_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start_logging(tmp_path / "train.log")
    try:
        logging.getLogger("pellucid.x").info("one\ntwo", extra=FILE_ONLY)
        logging.getLogger("pellucid.x").info("three")
    finally:
        stop_logging()
    assert capsys.readouterr().out == "three\n"
    kept = (tmp_path / "train.log").read_text().splitlines()
    assert [line.rpartition("INFO ")[2] for line in kept] == ["one", "two", "three"]


def test_the_name_of_a_file_is_never_broken() -> None:
    name = "a rather long name of a picture.png"
    for width, wide in ((30, 61), (200, 61)):
        file = io.StringIO()
        narrow = _Console(file=file, width=width)
        table = narrow.table("", ("file", "what is told of it"))
        table.add_row(name, "one two three")
        narrow.print_table(table)
        lines = file.getvalue().splitlines()
        assert any(name in line for line in lines)
        assert max(map(len, lines)) < wide
    file = io.StringIO()
    _Console(file=file, width=30).rows([("cat 0.9", f"'out/{name}'")], wrap=False)
    assert file.getvalue() == f"cat 0.9  'out/{name}'\n"


def test_the_title_of_a_table_is_never_broken(capsys: pytest.CaptureFixture[str]) -> None:
    table = console.table("a run whose name is longer than its table is wide: 2026-01-01_00-00-00", ["n"])
    table.add_row("1")
    console.print_table(table)
    assert (
        capsys.readouterr().out.splitlines()[0]
        == "a run whose name is longer than its table is wide: 2026-01-01_00-00-00"
    )
