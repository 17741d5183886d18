"""The id that a run's folder keeps of a service."""

from __future__ import annotations

from pathlib import Path

import pytest

from pellucid.logger.service import keep_id, kept_id, store_of


def test_ids_are_kept_by_service(tmp_path: Path) -> None:
    assert kept_id(tmp_path, "wandb") is None
    keep_id(tmp_path, "wandb", "abcd1234")
    keep_id(tmp_path, "comet", "ef")
    assert (kept_id(tmp_path, "wandb"), kept_id(tmp_path, "comet")) == ("abcd1234", "ef")


@pytest.mark.parametrize("content", ["", "[]", '{"wandb": 3}', '{"wandb": "../../a"}', '{"wandb": "a\\nb"}'])
def test_what_anybody_may_have_written_is_no_id(content: str, tmp_path: Path) -> None:
    (tmp_path / "loggers.json").write_text(content)
    assert kept_id(tmp_path, "wandb") is None


def test_what_runs_share_is_in_outputs_or_around_them() -> None:
    assert store_of(Path("/a/outputs/cnn_digits/run")) == Path("/a/outputs")
    assert store_of(Path("/a/b/run")) == Path("/a/b")
