"""Sweeps that are killed, shared, interrupted; what they cost."""

from __future__ import annotations

import csv
import json
import random
import re
import resource
import signal
import subprocess
import time
from pathlib import Path

import pytest

from pellucid.run.checkpoint import load_checkpoint
from tests.helpers import command, metrics, same, start, weights

pytestmark = pytest.mark.slow

BASE = ("model=dnn", "data=digits", "trainer=cpu", "callbacks=none", "logger=none")
LOG = "optimizer.lr=tag(log,interval(1e-4,1e-2))"
TPE = ("-m", "sweep=tpe", LOG, "data.batch_size=choice(32,64)", "sweep.sampler.n_startup_trials=3")


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "trials.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def wait_for(path: Path, text: str = "") -> None:
    """Until the file is there and holds the text."""
    end = time.monotonic() + 120
    while not path.is_file() or text not in path.read_text():
        assert time.monotonic() < end, path
        time.sleep(0.02)


def test_killed_at_any_moment_it_ends_as_one_never_killed(tmp_path: Path) -> None:
    line = (*BASE, *TPE, "sweep.trials=6", "trainer.max_epochs=4", "sweep.retries=1")
    whole, killed = (tmp_path / "outputs" / "sweeps" / name for name in ("whole", "killed"))
    assert command(*line, "sweep.name=whole", cwd=tmp_path).returncode == 0
    moments = random.Random(0)
    for number in range(3):
        process = start(*line, "sweep.name=killed", cwd=tmp_path)
        wait_for(killed / str(2 * number) / "metrics.csv", "\n1,")  # one epoch of it is done
        time.sleep(moments.uniform(0, 1.0))
        process.kill()
        process.communicate()
    ended = command(*line, "sweep.name=killed", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert [row["number"] for row in rows(killed)] == list("012345")
    for number in range(6):
        one, other = whole / str(number), killed / str(number)
        assert same(weights(one), weights(other)), number
        assert same(weights(one, "best"), weights(other, "best"))
        assert len((other / "metrics.csv").read_text().splitlines()) == 1 + 4
    columns = ("state", "val/accuracy", "optimizer.lr", "data.batch_size", "test/accuracy")
    assert [[row[c] for c in columns] for row in rows(whole)] == [
        [row[c] for c in columns] for row in rows(killed)
    ]


def test_two_processes_share_the_trials(tmp_path: Path) -> None:
    line = (*BASE, *TPE, "sweep.trials=10", "trainer.max_epochs=2", "sweep.name=shared")
    both = [start(*line, cwd=tmp_path) for _ in range(2)]
    ended = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], ended
    done = [{int(n) for n in re.findall(r"^trial (\d+) of 10", out, re.MULTILINE)} for out, _ in ended]
    assert done[0] | done[1] == set(range(10))
    assert not done[0] & done[1]
    assert done[0]
    assert done[1]
    folder = tmp_path / "outputs" / "sweeps" / "shared"
    assert [row["state"] for row in rows(folder)] == ["finished"] * 10


def test_one_that_dies_is_taken_over_by_the_other(tmp_path: Path) -> None:
    line = (*BASE, "-m", "optimizer.lr=1e-3,1e-2", "trainer.max_epochs=100", "sweep.name=shared")
    first = start(*line, cwd=tmp_path)
    folder = tmp_path / "outputs" / "sweeps" / "shared"
    wait_for(folder / "0" / "metrics.csv", "\n5,")
    second = start(*line, cwd=tmp_path)
    wait_for(folder / "1" / "metrics.csv", "\n1,")
    first.kill()
    first.communicate()
    before = len((folder / "0" / "metrics.csv").read_text().splitlines())
    _, err = second.communicate(timeout=300)
    assert second.returncode == 0, err
    assert [row["state"] for row in rows(folder)] == ["finished"] * 2
    epochs = [row.split(",")[0] for row in (folder / "0" / "metrics.csv").read_text().splitlines()[1:]]
    assert epochs == [str(number) for number in range(1, 101)]
    assert before > 5
    assert (folder / "0" / "train.log").read_text().count("INFO Data: ") == 2


@pytest.mark.parametrize(
    ("number", "code"), [pytest.param(signal.SIGINT, 130, marks=pytest.mark.heavy), (signal.SIGTERM, 143)]
)
def test_interrupted_it_says_how_to_continue(tmp_path: Path, number: int, code: int) -> None:
    line = (*BASE, "-m", "optimizer.lr=1e-3,1e-2", "trainer.max_epochs=20", "sweep.name=my sweep")
    process = start(*line, cwd=tmp_path)
    folder = tmp_path / "outputs" / "sweeps" / "my sweep"
    wait_for(folder / "0" / "metrics.csv", "\n3,")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert metrics(folder / "0")["status"] == "interrupted"
    found = re.search(r"Continue by: python (train.py .*)", out + err)
    assert found
    assert "Traceback" not in err
    shell = f"cd {tmp_path} && {start.__globals__['sys'].executable} {start.__globals__['ROOT']}/{found[1]}"
    again = subprocess.run(shell, shell=True, capture_output=True, text=True, timeout=300, check=False)
    assert again.returncode == 0, again.stderr
    assert [row["state"] for row in rows(folder)] == ["finished"] * 2


def test_every_rank_of_a_ddp_trial_has_the_trials_options(tmp_path: Path) -> None:
    line = ("model=dnn", "data=digits", "callbacks=none", "trainer=ddp", "trainer.accelerator=cpu")
    options = (
        "recipe=plain",  # a rate that stays as it was drawn
        "trainer.devices=2",
        "trainer.max_epochs=4",
        "sweep.trials=3",
        "sweep.pruner.reduction_factor=2",
    )
    spy = tmp_path / "spy.py"
    spy.write_text(
        "import json, os\n"
        "from pathlib import Path\n"
        "from lightning.pytorch import Callback\n"
        "class Spy(Callback):\n"
        "    def on_train_epoch_end(self, trainer, pl_module):\n"
        "        group = trainer.optimizers[0].param_groups[0]\n"
        "        told = {'lr': group['lr'], 'size': trainer.train_dataloader.sampler.batch_size,\n"
        "                'epoch': trainer.current_epoch, 'folder': trainer.default_root_dir}\n"
        "        with Path(f'{os.environ[\"SPIED\"]}/rank{trainer.global_rank}').open('a') as file:\n"
        "            file.write(json.dumps(told) + '\\n')\n"
    )
    ended = command(
        *(*line, *options, "-m", "sweep=asha", LOG, "data.batch_size=choice(32,64)", "sweep.name=ddp"),
        *("packages=[spy]", "+callbacks.spy._target_=spy.Spy"),
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "SPIED": str(tmp_path)},
    )
    assert ended.returncode == 0, ended.stderr
    told = [(tmp_path / f"rank{rank}").read_text() for rank in (0, 1)]
    assert told[0] == told[1]
    folder = tmp_path / "outputs" / "sweeps" / "ddp"
    assert {row["state"] for row in rows(folder)} == {"finished", "pruned"}
    entries = [json.loads(text) for text in told[0].splitlines()]
    for row in rows(folder):
        of_trial = [e for e in entries if Path(e["folder"]).name == row["number"]]
        assert {(str(e["lr"]), str(e["size"])) for e in of_trial} == {
            (row["optimizer.lr"], row["data.batch_size"])
        }
        recorded = metrics(folder / row["number"])
        assert (recorded["devices"], recorded["epochs"]) == (2, len(of_trial))
        checkpoint = load_checkpoint(folder / row["number"] / "checkpoints" / "last.ckpt")
        assert str(checkpoint["pellucid"]["config"]["optimizer"]["lr"]) == row["optimizer.lr"]
    assert len(list((tmp_path / "outputs").iterdir())) == 1  # no folder of a rank of its own


def test_a_rank_that_fails_does_not_end_the_sweep(tmp_path: Path) -> None:
    (tmp_path / "failing.py").write_text(
        "from lightning.pytorch import Callback\n"
        "class Failing(Callback):\n"
        "    def on_train_epoch_end(self, trainer, pl_module):\n"
        "        if trainer.optimizers[0].param_groups[0]['lr'] > 1e-3 and trainer.global_rank == 1:\n"
        "            raise RuntimeError('the second process broke')\n"
    )
    ended = command(
        *("model=dnn", "data=digits", "callbacks=none", "trainer=ddp", "trainer.accelerator=cpu"),
        *("trainer.devices=2", "trainer.max_epochs=2", "-m", "optimizer.lr=1e-2,1e-3", "sweep.name=ddp"),
        *("packages=[failing]", "+callbacks.failing._target_=failing.Failing"),
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
    )
    assert ended.returncode == 1, ended.stderr
    found = rows(tmp_path / "outputs" / "sweeps" / "ddp")
    assert [row["state"] for row in found] == ["failed", "finished"]
    # In gloo's words, which depend on what the first process was about, or in ours where Lightning killed it.
    assert re.search("Connection (closed|reset)|Read error|processes ended", found[0]["error"])


@pytest.mark.timed
def test_twelve_trials_take_a_third_of_twelve_processes(tmp_path: Path) -> None:
    quick = ("model=dnn", "data=digits", "trainer.max_epochs=2", "callbacks=none")
    begin = time.perf_counter()
    for seed in range(2):
        assert command(*quick, f"seed={seed}", cwd=tmp_path, cold=True).returncode == 0
    separate = 6 * (time.perf_counter() - begin)
    begin = time.perf_counter()
    grid = ("-m", "optimizer.lr=1e-3,2e-3,5e-3,1e-2", "model.dropout=0.1,0.2,0.3", "sweep.name=twelve")
    assert command(*quick, *grid, cwd=tmp_path, cold=True).returncode == 0
    ratio = (time.perf_counter() - begin) / separate
    print(f"a sweep of 12 trials / 12 processes = {ratio:.2f}")
    assert len(rows(tmp_path / "outputs" / "sweeps" / "twelve")) == 12
    assert ratio <= 0.35


@pytest.mark.timed
def test_memory_does_not_grow_with_the_number_of_trials(tmp_path: Path) -> None:
    spy = tmp_path / "memory.py"
    spy.write_text(
        "from pathlib import Path\n"
        "from lightning.pytorch import Callback\n"
        "class Memory(Callback):\n"
        "    def on_fit_end(self, trainer, pl_module):\n"
        "        pages = int(Path('/proc/self/statm').read_text().split()[1])\n"
        "        with Path('memory.txt').open('a') as file:\n"
        "            file.write(f'{pages}\\n')\n"
    )
    ended = command(
        *(
            "model=dnn",
            "data=digits",
            "trainer=cpu",
            "trainer.max_epochs=1",
            "callbacks=[samples,feature_maps]",
        ),
        *("-m", "sweep=random", "sweep.trials=28", LOG, "sweep.name=memory"),
        *("packages=[memory]", "+callbacks.memory._target_=memory.Memory"),
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
    )
    assert ended.returncode == 0, ended.stderr
    pages = [int(text) for text in (tmp_path / "memory.txt").read_text().split()]
    grown = (pages[-1] - pages[9]) * resource.getpagesize() / 2**20 / 18
    print(f"{grown:.2f} MiB a trial, {pages[-1] * resource.getpagesize() / 2**20:.0f} in the end")
    assert len(pages) == 28
    assert grown < 1.0
