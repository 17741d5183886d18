"""Single keys: is it there, may it be added, is its value of that kind."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.mark.parametrize("group", ["callbacks", "explainer", "logger"])
def test_a_users_yaml_without_a_name_is_told(tmp_path: Path, group: str) -> None:
    (tmp_path / group).mkdir()
    (tmp_path / group / "nameless.yaml").write_text("_target_: mine.Own\nsize: 1\n")
    told = problems("--config-dir", str(tmp_path), f"{group}=nameless")
    assert told.startswith(f"{group}: mine.Own stands in its file without a name. Expected a name")
    assert "\n" not in told


def test_a_missing_run_is_told() -> None:
    assert "run: it must be given" in problems(name="evaluate")
