"""The cache of photos, shown and cleared."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.runs import QUIET
from tests.helpers import command


@pytest.mark.slow
def test_the_photo_cache_is_shown_and_cleared(tmp_path: Path, photos: Path) -> None:
    cache = tmp_path / "cache [a]"
    data = ["data=catdog", f"data.root={photos}", "data.image_size=16", f"data.cache={cache}"]
    trained = command(*QUIET, "model=dnn", "trainer.max_epochs=1", *data, cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    size = sum(path.stat().st_size for path in cache.rglob("*") if path.is_file())
    shown = command(f"cache={cache}", script="scripts/cache.py", cwd=tmp_path)
    assert str(photos) in shown.stdout
    assert f"{size / 2**20:.1f} MiB in {cache}" in shown.stdout
    assert list(cache.iterdir())
    cleared = command(f"cache={cache}", "clear=true", script="scripts/cache.py", cwd=tmp_path)
    assert f"{size / 2**20:.1f} MiB freed" in cleared.stdout
    assert list(cache.iterdir()) == []
    empty = command(f"cache={tmp_path / 'none'}", script="scripts/cache.py", cwd=tmp_path)
    assert (empty.returncode, "0.0 MiB in" in empty.stdout) == (0, True)
    wrong = command("clear=perhaps", script="scripts/cache.py", cwd=tmp_path)
    assert (wrong.returncode, "Traceback" in wrong.stderr) == (2, False)
