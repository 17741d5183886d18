"""Disks that are full or can only be read, folders that are gone, names that are too long."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pellucid.run.checkpoint import load_checkpoint
from tests.helpers import ROOT, command, make_run, metrics, start

QUIET = ["callbacks=none", "logger=none", "report=false", "trainer=cpu", "model=dnn"]
pytestmark = pytest.mark.slow
SCRIPTS = ("evaluate", "predict", "explain", "embed", "units", "compare", "export")


def line(script: str, run: Path, photo: Path, *more: str) -> list[str]:
    """A quick command of a run."""
    images = f"images={photo}"
    own = {
        "predict": [images],
        "explain": [images],
        "export": ["format=state_dict", images],
        "embed": ["methods=[pca]"],
        "units": ["count=1", "steps=1"],
        "report": ["seconds=0"],
    }.get(script, [])
    which = f"runs=[{run},{run}]" if script == "compare" else f"run={run}"
    return [str(photo.parent), f"scripts/{script}.py", which, *own, *more]


def is_told(done: subprocess.CompletedProcess[str]) -> bool:
    """Whether it ended as a user's mistake does."""
    said = done.stderr.strip()
    return done.returncode == 2 and "\nerror: " in f"\n{said}" and "Traceback" not in said


def each(*lines: list[str]) -> list[subprocess.CompletedProcess[str]]:
    """Each line, of a folder, a script and its arguments, run to its end."""
    return [command(*arguments, script=script, cwd=folder) for folder, script, *arguments in lines]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "run", "model=dnn", "model.hidden=[8]", "report=true")


def mount(folder: Path, *options: str) -> None:
    folder.mkdir(exist_ok=True)
    done = subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"cannot mount: {done.stderr}")


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 kB."""
    mount(tmp_path / "tiny", "-t", "tmpfs", "-o", "size=24k", "tmpfs")
    yield tmp_path / "tiny"
    subprocess.run(["umount", "-l", str(tmp_path / "tiny")], check=True)


@pytest.fixture
def closed(tmp_path: Path, run: Path) -> Iterator[Path]:
    """The run on a disk that can only be read."""
    folder = tmp_path / "closed"
    mount(folder, "--bind", str(run))
    subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_full_disk(run: Path, tiny: Path, photo: Path) -> None:
    scripts = (*SCRIPTS, "report")
    lines = [line(script, run, photo, f"out={tiny}/{script}") for script in scripts]
    lines.append([str(photo.parent), "train.py", *QUIET, f"hydra.run.dir={tiny}/run"])
    (tiny / "mine").write_bytes(bytes(12_000))
    for done in each(*lines):
        assert done.returncode == 0 or is_told(done), done
        if Path(done.args[1]).stem in ("report", "train", "embed", "evaluate"):
            assert "full" in done.stderr, done
        assert not [path for path in tiny.rglob("*") if path.name.endswith(".tmp")]
    assert (tiny / "mine").stat().st_size == 12_000


def test_what_was_written_before_stays(run: Path, tmp_path: Path, photo: Path) -> None:
    folder = tmp_path / "disk"
    mount(folder, "-t", "tmpfs", "-o", "size=900k", "tmpfs")
    try:
        lines = [line(script, run, photo, f"out={folder}/{script}") for script in ("evaluate", "explain")]
        assert [done.returncode for done in each(*lines)] == [0, 0]
        before = contents(folder)
        free = shutil.disk_usage(folder).free
        (folder / "filler").write_bytes(bytes(max(0, free - 8192)))
        for done in each(*lines):
            assert is_told(done), done
        assert {name: content for name, content in contents(folder).items() if name != "filler"} == before
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_that_can_only_be_read(run: Path, closed: Path, tmp_path: Path, photo: Path) -> None:
    before = contents(run)
    scripts = (*SCRIPTS, "report")
    lines = [line(script, closed, photo) for script in scripts]
    lines += [line(script, closed, photo, f"out={tmp_path}/{script}") for script in scripts]
    lines.append([str(tmp_path), "train.py", f"resume={closed}", "trainer.max_epochs=2"])
    lines.append([str(tmp_path), "train.py", *QUIET, f"hydra.run.dir={closed}/new"])
    found = each(*lines)
    for done in (*found[: len(scripts)], *found[-2:]):
        assert is_told(done), done
        assert "read" in done.stderr or "write" in done.stderr, done
    for done in found[len(scripts) : -2]:
        assert done.returncode == 0, done
    assert contents(run) == before


def test_names_that_are_too_long_and_files_in_the_way(run: Path, tmp_path: Path, photo: Path) -> None:
    long, a_file = tmp_path / ("x" * 300), tmp_path / "file"
    a_file.write_text("mine")
    lines = [line(script, run, photo, f"out={long}") for script in (*SCRIPTS, "report")]
    lines += [line(script, run, photo, f"out={a_file}") for script in ("evaluate", "predict", "report")]
    lines += [line(script, run, photo, f"run={long}") for script in ("evaluate", "report")]
    lines += [
        [str(tmp_path), "train.py", *QUIET, f"{option}={path}"]
        for option in ("hydra.run.dir", "resume", "data=image_folder data.root")
        for path in (long, a_file)
    ]
    lines = [[part for text in given for part in text.split(" ")] for given in lines]
    for done in each(*lines):
        assert is_told(done), done
    assert a_file.read_text() == "mine"


def test_a_disk_that_fills_while_training(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    mount(disk, "-t", "tmpfs", "-o", "size=3m", "tmpfs")
    try:
        begun = [*QUIET, "trainer.max_epochs=30", "keep_every=1", f"hydra.run.dir={disk}/run"]
        (done,) = each([str(tmp_path), "train.py", *begun])
        assert is_told(done), done
        assert load_checkpoint(disk / "run" / "checkpoints" / "last.ckpt")["epoch"] >= 0
        assert not list((disk / "run").rglob("*.tmp"))
        subprocess.run(["mount", "-o", "remount,size=100m", str(disk)], check=True)
        (done,) = each([str(tmp_path), "train.py", f"resume={disk}/run"])
        assert done.returncode == 0, done
        assert metrics(disk / "run")["epochs"] == 30
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_sweeps(tmp_path: Path) -> None:
    """On a full disk, on one that can only be read, and whose folder is deleted."""
    sweep = ["train.py", "-m", *QUIET, "trainer.max_epochs=1", "optimizer.lr=1e-3,1e-2"]
    disk = tmp_path / "disk"
    mount(disk, "-t", "tmpfs", "-o", "size=24k", "tmpfs")
    try:
        (full,) = each([str(tmp_path), *sweep, f"hydra.sweep.dir={disk}/one"])
        assert is_told(full), full
        assert "No space left" in full.stderr
        subprocess.run(["mount", "-o", "remount,size=30m", str(disk)], check=True)
        (done,) = each([str(tmp_path), *sweep, f"hydra.sweep.dir={disk}/one"])
        assert done.returncode == 0, done
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        before = contents(disk)
        page = [str(tmp_path), "scripts/report.py", f"sweep={disk}/one"]
        changed = [str(tmp_path), *sweep, "sweep.retries=2", f"hydra.sweep.dir={disk}/one"]
        new = [str(tmp_path), *sweep, f"hydra.sweep.dir={disk}/two"]
        told, written, *refused = each(page, [*page, f"out={tmp_path}/page"], changed, new)
        for done in (told, *refused):
            assert is_told(done), done
            assert "Read-only" in done.stderr or "may write" in done.stderr, done
        assert written.returncode == 0, written
        assert (tmp_path / "page" / "report.html").is_file()
        assert contents(disk) == before
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_run_folder_that_is_deleted_while_training(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = start(*QUIET, "trainer.max_epochs=100000", f"hydra.run.dir={folder}", cwd=tmp_path)
    deadline = time.monotonic() + 120
    while not (folder / "checkpoints" / "best.ckpt").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    folder.rename(tmp_path / "gone")
    shutil.rmtree(tmp_path / "gone")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2, err
    assert "is gone" in err
    assert "Traceback" not in err
    assert not folder.exists(), "nothing is made where a user has removed it"


@pytest.mark.parametrize(
    "redirection", [pytest.param("| head -1", marks=pytest.mark.heavy), "2> /dev/full >&-"]
)
def test_output_that_cannot_be_written(tmp_path: Path, redirection: str) -> None:
    """Nor, on a console of ASCII, all that is said."""
    line = [sys.executable, str(ROOT / "train.py"), *QUIET, "trainer.max_epochs=2", "hydra.run.dir=run"]
    whole = f"{' '.join(line)} {redirection}"
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(["bash", "-c", whole], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done
    assert "Traceback" not in done.stderr
    assert metrics(tmp_path / "run")["status"] == "finished"
