"""Commands as a user types them: exit codes, signals, kill -9 and resume, several processes."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.helpers import ROOT, command, metrics, same, start, weights

QUIET = ["callbacks=none", "logger=none", "report=false", "trainer=cpu"]


def wait_for_epochs(process: subprocess.Popen[str], folder: Path, count: int) -> None:
    """Until the run has recorded that many epochs."""
    deadline = time.monotonic() + 120
    while not ((folder / "metrics.csv").exists() and metrics(folder).get("epochs", 0) >= count):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def first_command(folder: Path, *options: str) -> dict[str, Any]:
    """The README's, from nothing, and its evaluation; what the run has recorded."""
    done = command(*options, cwd=folder, cold=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "no warning"
    (run,) = (folder / "outputs" / "cnn_digits").iterdir()
    epochs = metrics(run)["epochs"]
    for said in ("configuration", "parameters", "FLOPs", f"epoch {epochs}/{epochs}", "tensorboard --logdir"):
        assert said in re.sub(" +", " ", done.stdout)
    (folder / "elsewhere").mkdir()
    tested = command(f"run={run}", script="scripts/evaluate.py", cwd=folder / "elsewhere")
    assert tested.returncode == 0, tested.stderr
    assert f"{metrics(run)['test/accuracy']:.4f}" in tested.stdout
    assert f"{metrics(run)['test/loss']:.4f}" in tested.stdout
    assert list((folder / "elsewhere").iterdir()) == []
    return metrics(run)


def test_the_first_command_of_the_readme_on_less(tmp_path: Path) -> None:
    assert first_command(tmp_path, "trainer.max_epochs=2")["test/accuracy"] >= 0.93


@pytest.mark.timed
def test_the_first_command_of_the_readme(tmp_path: Path) -> None:
    recorded = first_command(tmp_path)
    assert recorded["test/accuracy"] >= 0.97
    assert recorded["seconds/total"] < 60, "a quarter of a minute on an idle machine"


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)],
)
def test_interrupted(tmp_path: Path, number: signal.Signals, code: int) -> None:
    folder = tmp_path / "run"
    process = start(*QUIET, f"hydra.run.dir={folder}", "model=dnn", "trainer.max_epochs=100000")
    wait_for_epochs(process, folder, 2)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert metrics(folder)["status"] == "interrupted"
    assert "Traceback" not in err
    assert "resume=" in out
    assert (folder / "checkpoints" / "last.ckpt").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="of its C library")
def test_a_signal_is_heard_amid_foreign_code() -> None:
    """Where Python waits in a library, for another process that never comes, say."""
    code = """if True:
        import ctypes
        from pellucid.system import interrupt
        interrupt.DEAF = 1.0
        interrupt.install()
        lock, acquire = ctypes.create_string_buffer(64), ctypes.CDLL(None).pthread_mutex_lock
        acquire(lock)
        with interrupt.last_words(lambda: print("last words", flush=True)):
            print("waiting", flush=True)
            acquire(lock)  # for ever
    """
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    time.sleep(0.5)  # it is in the library by then; while it was in Python, it would hear at once
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (143, "last words\n")
    assert err == "Interrupted, amid waiting.\n"


@pytest.mark.slow
def test_a_process_that_never_comes_is_not_waited_for_in_deafness(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    line = ["callbacks=none", "logger=none", "model=dnn", "trainer=ddp", "trainer.accelerator=cpu"]
    process = start(*line, "trainer.devices=2", f"hydra.run.dir={folder}", cwd=tmp_path)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline, second = time.monotonic() + 120, 0
    while not second:
        assert time.monotonic() < deadline
        time.sleep(0.05)
        found = [int(child) for child in children.read_text().split()]
        second = next((c for c in found if b"train.py" in Path(f"/proc/{c}/cmdline").read_bytes()), 0)
    os.kill(second, signal.SIGSTOP)
    try:
        time.sleep(8)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 143
        assert metrics(folder)["status"] == "interrupted"
    finally:
        os.kill(second, signal.SIGKILL)
        process.communicate()


@pytest.mark.slow
def test_interrupted_while_reading(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = start(*QUIET, f"hydra.run.dir={folder}", "data=catdog", "data.source=drawn", "model=dnn")
    deadline = time.monotonic() + 60
    while not (folder / "train.log").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130


def kill_and_resume(folder: Path, options: list[str], chance: random.Random) -> int:
    """Start, kill -9 at a random moment of training, resume to the end; the epoch it was killed in."""
    process = start(*options, f"hydra.run.dir={folder}")
    wait_for_epochs(process, folder, 2)
    time.sleep(chance.uniform(0, 1.5))
    assert process.poll() is None, "it ended before it was killed"
    process.kill()
    process.communicate()
    assert metrics(folder)["status"] == "running"
    killed_in = int(metrics(folder)["epochs"])
    done = command(f"resume={folder}")
    assert done.returncode == 0, done.stderr
    assert metrics(folder)["status"] == "finished"
    return killed_in


@pytest.mark.slow
def test_killed_at_five_random_moments_and_resumed_is_bitwise_the_same(tmp_path: Path) -> None:
    small = ["model=cnn", "model.channels=[4,8]", "model.hidden=[16]", "trainer.max_epochs=60"]
    options = [*QUIET, *small, "data.augment=shift", "scheduler=cosine"]
    assert command(*options, f"hydra.run.dir={tmp_path / 'whole'}").returncode == 0
    for turn in range(5):
        folder = tmp_path / f"killed = [{turn}]"
        epoch = kill_and_resume(folder, options, random.Random(turn))
        print(f"killed after {epoch} epochs")
        assert 1 <= epoch < 60
        for name in ("last", "best"):
            assert same(weights(tmp_path / "whole", name), weights(folder, name))


@pytest.mark.slow
def test_resume_refuses_what_is_no_budget_or_device(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert command(*QUIET, "model=dnn", "trainer.max_epochs=1", f"hydra.run.dir={folder}").returncode == 0
    before = (folder / ".hydra" / "config.yaml").read_bytes()
    refused = command(f"resume={folder}", "optimizer.lr=0.1", "model=cnn", "data.batch_size=32")
    assert refused.returncode == 2
    assert "optimizer.lr=0.1 (the run has 0.001)" in refused.stderr
    assert "model=cnn (the run has dnn)" in refused.stderr
    assert "batch_size" not in refused.stderr, "that is what the run has"
    assert (folder / ".hydra" / "config.yaml").read_bytes() == before
    finished = command(f"resume={folder}")
    assert finished.returncode == 0
    assert "trainer.max_epochs=" in finished.stdout
    unknown = command(f"resume={folder}", "device_images=many")
    assert (unknown.returncode, "device_images: expected a number" in unknown.stderr) == (2, True)
    more = command(f"resume={folder}", "trainer.max_epochs=2", "trainer=cpu", "device_images=0.5")
    assert more.returncode == 0, more.stderr
    assert metrics(folder)["epochs"] == 2


@pytest.mark.slow
def test_a_refused_resume_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert command(*QUIET, "model=dnn", "trainer.max_epochs=1", f"hydra.run.dir={folder}").returncode == 0
    (folder / "checkpoints" / "last.ckpt").write_bytes(b"damaged")
    before = (folder / ".hydra" / "config.yaml").read_bytes()
    done = command(f"resume={folder}", "trainer.max_epochs=2", "model=dnn", "optimizer.lr=0.001")
    assert done.returncode == 2
    assert "copy " in done.stderr
    assert "best.ckpt over it" in done.stderr
    assert (folder / ".hydra" / "config.yaml").read_bytes() == before
    for wrong in ("trainer.max_epochs=ten", "optimizer.lrr=1"):
        assert command(f"resume={folder}", wrong).returncode == 2


def test_resume_of_a_folder_that_is_no_run(tmp_path: Path) -> None:
    for name in ("", "nowhere"):
        done = command(f"resume={tmp_path / name}")
        assert done.returncode == 2
        assert "Expected the folder of a run" in done.stderr


@pytest.mark.slow
def test_a_run_that_is_training_cannot_be_resumed(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = start(*QUIET, f"hydra.run.dir={folder}", "model=dnn", "trainer.max_epochs=100000")
    try:
        wait_for_epochs(process, folder, 2)
        done = command(f"resume={folder}")
        assert done.returncode == 2
        assert "another process is training this run" in done.stderr
        assert metrics(folder)["status"] == "running"
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_a_run_folder_is_never_overwritten(tmp_path: Path) -> None:
    line = [*QUIET, "model=dnn", "trainer.max_epochs=1", f"hydra.run.dir={tmp_path / 'run'}"]
    assert command(*line).returncode == 0
    before = (tmp_path / "run" / "metrics.json").read_bytes()
    again = command(*line)
    assert again.returncode == 2
    assert "holds a run already" in again.stderr
    assert (tmp_path / "run" / "metrics.json").read_bytes() == before


@pytest.mark.slow
def test_a_mistake_found_late_leaves_nothing(tmp_path: Path) -> None:
    done = command(*QUIET, "data=image_folder", f"data.root={tmp_path}", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's capabilities")
def test_no_permission_to_write(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o555)
    line = [sys.executable, str(ROOT / "train.py"), f"hydra.run.dir={tmp_path / 'closed' / 'run'}"]
    if os.geteuid() == 0:  # root may write anywhere unless it gives that up
        line = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override", *line]
    done = subprocess.run(line, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 2, done.stderr
    assert "not a folder that you may write to" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "name",
    [
        "evaluate",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("predict", "explain", "embed", "units", "compare", "export", "report", "benchmark")
        ),
    ],
)
def test_a_file_is_no_place_to_write_to(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    given = {"compare": ["runs=[a,b]"], "benchmark": []}.get(name, ["run=a"])
    given += ["images=b"] if name in ("predict", "explain") else []
    done = command(*given, f"out={tmp_path / 'file'}", script=f"scripts/{name}.py", cwd=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "is not a folder that you may write to. Choose another one by out=<folder>" in done.stderr


@pytest.mark.slow
def test_two_runs_of_the_same_second_get_two_folders(tmp_path: Path) -> None:
    line = [*QUIET, "model=dnn", "trainer.max_epochs=1"]
    processes = [start(*line, cwd=tmp_path) for _ in range(2)]
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    assert len(list((tmp_path / "outputs" / "dnn_digits").iterdir())) == 2


@pytest.mark.slow
def test_a_grid_by_hydra(tmp_path: Path) -> None:
    done = command(
        "-m", *QUIET, "model=dnn,cnn", "data=digits", "seed=1,2", "trainer.max_epochs=1", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    folders = sorted((tmp_path / "outputs" / "sweeps").glob("*/[0-9]*"))
    assert [folder.name for folder in folders] == ["0", "1", "2", "3"]
    assert [metrics(folder)["seed"] for folder in folders] == [1, 2, 1, 2]
    assert all(metrics(folder)["status"] == "finished" for folder in folders)


@pytest.mark.slow
def test_two_processes_train_one_net(tmp_path: Path) -> None:
    ddp = [
        "callbacks=none",
        "logger=none",
        "trainer=ddp",
        "trainer.accelerator=cpu",
        "trainer.devices=2",
    ]
    folder = tmp_path / "run"
    done = command(*ddp, "model=cnn", "trainer.max_epochs=3", f"hydra.run.dir={folder}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = metrics(folder)
    assert result["status"] == "finished"
    assert result["devices"] == 2
    assert result["test/accuracy"] > 0.9
    assert f"{result['test/accuracy']:.4f}" in (folder / "report.html").read_text()
    assert not (tmp_path / "outputs").exists(), "the second process has no folder of its own"
    assert torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 3 * 20
    tested = command(f"run={folder}", script="scripts/evaluate.py", cwd=tmp_path)
    assert f"{result['test/accuracy']:.4f}" in tested.stdout, "no test image lost or doubled"
    whole = ["model=cnn", "trainer.max_epochs=4", f"hydra.run.dir={tmp_path / 'whole'}"]
    assert command(*ddp, *whole, "report=false", cwd=tmp_path).returncode == 0
    resumed = command(f"resume={folder}", "trainer.max_epochs=4", "report=false", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert same(weights(tmp_path / "whole"), weights(folder)), "both processes went on from the checkpoint"


@pytest.mark.slow
def test_evaluate_all_checkpoints(tmp_path: Path) -> None:
    folder = tmp_path / "a=b [1] 한글"
    line = [*QUIET, "model=dnn", "trainer.max_epochs=3", "keep_every=1", f"hydra.run.dir={folder}"]
    assert command(*line, cwd=tmp_path).returncode == 0
    done = command(f"run={folder}", "checkpoint=all", script="scripts/evaluate.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for name in ("epoch_0001.ckpt", "epoch_0002.ckpt", "epoch_0003.ckpt", "last.ckpt", "best.ckpt"):
        assert name in done.stdout
    one = command(
        f"run={folder}",
        f"checkpoint={folder}/checkpoints/epoch_0001.ckpt",
        script="scripts/evaluate.py",
        cwd=tmp_path,
    )
    assert "epoch_0001.ckpt" in one.stdout, one.stderr
    none = command(f"run={folder}", "checkpoint=worst", script="scripts/evaluate.py", cwd=tmp_path)
    assert none.returncode == 2
    assert "It has: epoch_0001.ckpt" in none.stderr


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


@pytest.mark.slow
def test_two_processes_train_a_frozen_net(tmp_path: Path, photos: Path) -> None:
    """On features that are computed once."""
    ddp = [
        "callbacks=none",
        "logger=none",
        "report=false",
        "trainer=ddp",
        "trainer.accelerator=cpu",
        "trainer.devices=2",
    ]
    data = ["data=catdog", f"data.root={photos}", "data.image_size=32", f"data.cache={tmp_path / 'cache'}"]
    line = [
        *ddp,
        *data,
        "model=resnet_frozen",
        "model.weights=none",
        "model.augmentations_per_image=2",
        "trainer.max_epochs=3",
    ]
    done = command(*line, f"hydra.run.dir={tmp_path / 'run'}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = metrics(tmp_path / "run")
    assert (result["status"], result["devices"], result["epochs"]) == ("finished", 2, 3)
