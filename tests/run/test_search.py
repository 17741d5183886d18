"""Several runs by one text, and their short names."""

from __future__ import annotations

from pathlib import Path

import pytest

from pellucid.errors import UserError
from pellucid.run.search import find_runs, short_names
from tests.commands.table.runs import fake_run


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "outputs"
    for place, name in (("cnn_digits/1", "deeper"), ("cnn_digits/2", None), ("dnn_digits/1", "deeper")):
        fake_run(folder / place, name=name)
    for place in ("0/seed_9", "0/seed_10", "1/seed_9"):
        fake_run(folder / "sweeps" / "first" / place)
    (folder / "sweeps" / "first" / "sweep.json").write_text("{}")
    return folder


@pytest.mark.parametrize(
    ("source", "places"),
    [
        ("outputs/cnn_digits/1", ["cnn_digits/1"]),
        ("outputs/cnn_digits", ["cnn_digits/1", "cnn_digits/2"]),
        ("outputs/*_digits", ["cnn_digits/1", "cnn_digits/2", "dnn_digits/1"]),
        ("outputs/*_digits/1", ["cnn_digits/1", "dnn_digits/1"]),
        ("deeper", ["cnn_digits/1", "dnn_digits/1"]),
        ("first", ["sweeps/first/0/seed_9", "sweeps/first/0/seed_10", "sweeps/first/1/seed_9"]),
        ("outputs/sweeps/first/0", ["sweeps/first/0/seed_9", "sweeps/first/0/seed_10"]),
        ("outputs/sweeps", ["sweeps/first/0/seed_9", "sweeps/first/0/seed_10", "sweeps/first/1/seed_9"]),
        ("outputs", ["cnn_digits/1", "cnn_digits/2", "dnn_digits/1"]),
    ],
)
def test_all_runs_of_a_source(outputs: Path, source: str, places: list[str]) -> None:
    found = [run.folder.relative_to(outputs).as_posix() for run in find_runs([source])]
    assert found == places


def test_none_twice_and_none_missing(outputs: Path) -> None:
    assert len(find_runs(["outputs/cnn_digits", "deeper", "outputs/cnn_digits/1"])) == 3
    with pytest.raises(UserError, match=r"runs=deper: no runs are there\..*Did you mean 'deeper'"):
        find_runs(["outputs", "deper"])
    with pytest.raises(UserError, match="Did you mean 'first'"):
        find_runs(["firsd"])


def test_short_names_tell_runs_apart() -> None:
    a, b, c = Path("cnn_digits/x"), Path("cnn_digits/y"), Path("dnn_digits/x")
    assert short_names([("", a), ("", c)]) == ["cnn_digits", "dnn_digits"]
    assert short_names([("deeper", a), ("", c)]) == ["deeper", "dnn_digits"]
    assert short_names([("", a), ("", b), ("", c)]) == ["cnn_digits/x", "cnn_digits/y", "dnn_digits"]
    seeds = [("", Path(f"sweeps/first/0/seed_{seed}")) for seed in (0, 1)]
    assert short_names(seeds) == ["first/0/seed_0", "first/0/seed_1"]
    assert short_names([("deeper", a), ("deeper", c)]) == ["deeper/x (1)", "deeper/x (2)"]
