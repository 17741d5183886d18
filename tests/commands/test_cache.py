"""The cache of photos, shown and cleared."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from pellucid.commands.cache import cache
from tests.commands.runs import QUIET
from tests.helpers import command


@pytest.mark.slow
def test_the_photo_cache_is_shown_and_cleared(tmp_path: Path, photos: Path) -> None:
    kept = tmp_path / "cache [a]"
    data = ["data=catdog", f"data.root={photos}", "data.image_size=16", f"data.cache={kept}"]
    trained = command(*QUIET, "model=dnn", "trainer.max_epochs=1", *data, cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    size = sum(path.stat().st_size for path in kept.rglob("*") if path.is_file())
    shown = command(f"cache={kept}", script="scripts/cache.py", cwd=tmp_path)
    assert str(photos) in shown.stdout
    assert f"{size / 2**20:.1f} MiB in {kept}" in shown.stdout
    assert list(kept.iterdir())
    cleared = command(f"cache={kept}", "clear=true", script="scripts/cache.py", cwd=tmp_path)
    assert f"{size / 2**20:.1f} MiB freed" in cleared.stdout
    assert list(kept.iterdir()) == []
    empty = command(f"cache={tmp_path / 'none'}", script="scripts/cache.py", cwd=tmp_path)
    assert (empty.returncode, "0.0 MiB in" in empty.stdout) == (0, True)
    wrong = command("clear=perhaps", script="scripts/cache.py", cwd=tmp_path)
    assert (wrong.returncode, "Traceback" in wrong.stderr) == (2, False)


def test_each_folder_with_its_size_and_all_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = [SimpleNamespace(root=f"/photos [b]/{n}", size=n * 2**20, used=0.0) for n in (3, 5)]
    monkeypatch.setattr("pellucid.commands.cache.entries", lambda folder: kept)
    monkeypatch.setattr("pellucid.commands.cache.clear_photos", lambda folder: 8 * 2**20)
    cache(cache=str(tmp_path))
    first, second, total = capsys.readouterr().out.splitlines()
    assert (first.split()[:2], second.split()[:2]) == (["3.0", "MiB"], ["5.0", "MiB"])
    assert first.endswith("   /photos [b]/3"), "to the letter"
    assert total == f"8.0 MiB in {tmp_path}"
    cache(cache=str(tmp_path), clear=True)
    assert capsys.readouterr().out.splitlines()[-1] == f"8.0 MiB freed in {tmp_path}"


def test_a_cache_that_is_not_there_is_empty(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache(cache=str(tmp_path / "none"))
    assert capsys.readouterr().out == f"0.0 MiB in {tmp_path / 'none'}\n"
    assert not (tmp_path / "none").exists()
