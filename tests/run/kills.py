"""A training killed between any two of its writes, and resumed.

``python -m tests.run.kills <folder> every``, ``few`` (one of every other kind), ``fewer`` (of every fourth)
or ``random`` (20 moments).

Whatever is written within the run's folder is counted (files opened to be written, renamed, removed; records
of TensorBoard), and the process ends by SIGKILL just before the n-th. Resumed, or begun anew where there was
no run yet, it must end as one that was never interrupted.
"""

from __future__ import annotations

import csv
import json
import os
import random
import re
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator
from tensorboard.summary.writer.record_writer import RecordWriter
from tensorboard.util.tensor_util import make_ndarray

from pellucid.commands.train import train
from pellucid.config import compose as composing
from pellucid.config.command_line import split
from pellucid.run.folder import Run
from pellucid.run.resume import resumed_config
from tests.helpers import CONF, metrics, same, weights

OPTIONS = (
    *("model=dnn", "model.hidden=[8]", "trainer=cpu", "trainer.max_epochs=4", "optimizer.lr=0.1"),
    *("+trainer.limit_train_batches=6", "trainer.log_every_n_steps=4", "data.augment=shift"),
    *("logger=csv", "callbacks=[curves,samples,predictions]", "keep_every=2"),
)
RANDOM = re.compile(r"\.[0-9a-f]{8}\.tmp")
WRITES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link"}


STEPS = {"few": 2, "fewer": 4}  # which kinds of writes
LIGHT = ("callbacks=[samples]", "trainer.max_epochs=3")  # as much as a few kinds of writes need


def begin(folder: Path, *more: str) -> None:
    """As the command does."""
    whole = composing.compose(CONF, "train", [*OPTIONS, *more, f"hydra.run.dir={folder}"])
    config = OmegaConf.masked_copy(whole, [str(key) for key in whole if key != "hydra"])
    Run.begin(folder, config, OmegaConf.masked_copy(whole, "hydra"))
    train(composing.container(whole), folder)


def resume(folder: Path) -> None:
    config = resumed_config(Run.open(folder), split([f"resume={folder}"]), CONF)
    if config is not None:
        train(config, folder, resume=True)


class Writes:
    """Counts what is about to be written within a folder; calls ``at`` with the number and what it is."""

    def __init__(self, folder: Path, at: Callable[[int, str], None]) -> None:
        self.folder, self.at, self.count = str(folder), at, 0
        sys.addaudithook(self._hear)
        write = RecordWriter.write

        def record(writer: RecordWriter, data: bytes) -> None:
            self._next("record", "events")
            write(writer, data)

        RecordWriter.write = record

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        flags = arguments[2] if event == "open" else 0
        to_write = event in WRITES or (isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR))
        if to_write and f"{arguments[0]}/".startswith(f"{self.folder}/"):
            target = str(arguments[1] if event == "os.rename" else arguments[0])
            if event == "os.mkdir" and Path(target).is_dir():
                return
            self._next(event, RANDOM.sub(".tmp", os.path.relpath(target, self.folder)))

    def _next(self, event: str, path: str) -> None:
        self.count += 1
        self.at(self.count, f"{event} {path}")


def in_child(action: Callable[[], None]) -> int:
    """The exit code of a process that does it, or minus the signal that ended it."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            action()
            code = 0
        except BaseException:
            traceback.print_exc()
        os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def listed(folder: Path, *more: str) -> list[str]:
    """Every write of a whole training, in order."""
    log = folder.with_suffix(".writes")
    handle = os.open(log, os.O_WRONLY | os.O_CREAT)

    def note(number: int, what: str) -> None:
        os.write(handle, f"{what}\n".encode())

    def watched() -> None:
        Writes(folder, note)
        begin(folder, *more)

    assert in_child(watched) == 0
    return log.read_text().splitlines()


def killed_and_resumed(folder: Path, number: int, *more: str) -> None:
    """Killed before its n-th write; then resumed to its end."""

    def kill(count: int, what: str) -> None:
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def watched() -> None:
        Writes(folder, kill)
        begin(folder, *more)

    assert in_child(watched) == -signal.SIGKILL
    again(folder, *more)


def killed_after(folder: Path, seconds: float) -> None:
    """Killed at a moment; then resumed to its end."""

    def timed() -> None:
        signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        signal.setitimer(signal.ITIMER_REAL, seconds)
        begin(folder)

    in_child(timed)
    again(folder)


def again(folder: Path, *more: str) -> None:
    """Resumed, or begun anew where it was killed before there was a run."""
    known = (folder / ".hydra" / "config.yaml").exists()
    assert in_child(lambda: resume(folder) if known else begin(folder, *more)) == 0


def differences(whole: Path, other: Path) -> list[str]:
    """In what two runs that should be one differ, but for their times."""
    found = []
    for name in sorted(path.stem for path in (whole / "checkpoints").iterdir()):
        if not same(weights(whole, name), weights(other, name)):
            found.append(f"weights of {name}")
    for name, read in (("metrics.csv", rows), ("csv/metrics.csv", rows)):
        if read(whole / name) != read(other / name):
            found.append(name)
    one, two = (
        {key: v for key, v in metrics(run).items() if not key.startswith(("seconds/", "look/"))}
        for run in (whole, other)
    )
    if one != two:
        found.append(f"metrics.json: {sorted(set(one.items()) ^ set(two.items()))}")
    if (seen := logged(whole)) != logged(other):
        odd = [tag for tag in seen if seen[tag] != logged(other).get(tag)]
        found.append(f"TensorBoard: {odd}, {seen.keys() ^ logged(other).keys()}")
    without = "report: false" in (other / ".hydra" / "config.yaml").read_text()
    kept = files(whole) - ({"report.html"} if without else set())
    if unlike := files(other) ^ kept:
        found.append(f"files: {sorted(unlike)}")
    return found


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return [{k: v for k, v in row.items() if k != "seconds/train"} for row in csv.DictReader(file)]


def logged(run: Path) -> dict[str, list[tuple[int, str]]]:
    """What TensorBoard shows: steps and values by tag."""
    accumulator = EventAccumulator(str(run / "tensorboard"), {"tensors": 0})
    accumulator.Reload()
    return {
        tag: [(event.step, str(make_ndarray(event.tensor_proto))) for event in accumulator.Tensors(tag)]
        for tag in accumulator.Tags()["tensors"]
    }


def files(run: Path) -> set[str]:
    """All but TensorBoard's own, of which each start makes another."""
    return {str(path.relative_to(run)) for path in run.rglob("*") if "tfevents" not in path.name}


def few(writes: list[str], step: int) -> list[int]:
    """Of every ``step``-th kind of write one: the second where every epoch has it, the first of others."""
    places: dict[str, list[int]] = {}
    for number, what in enumerate(writes, start=1):
        places.setdefault(re.sub(r"\d+", "#", what), []).append(number)
    return sorted({numbers[min(1, len(numbers) - 1)] for numbers in places.values()})[::step]


def prove(folder: Path, which: str) -> list[tuple[str, list[str]]]:
    """Every killing and what came of it: what was about to be written, and what then differed."""
    torch.set_num_threads(1)
    light = LIGHT if which in STEPS else ()
    begin(folder / "first", *light)  # so that no other one must import, or look for fonts
    whole = folder / "whole"
    writes = listed(whole, *light)
    page = next(number for number, what in enumerate(writes, start=1) if "report.html" in what)
    cases: list[tuple[str, Callable[[Path], None]]] = []
    if which == "random":
        start = time.perf_counter()
        assert in_child(lambda: begin(folder / "timed")) == 0
        length, chance = time.perf_counter() - start, random.Random(0)
        for seconds in sorted(chance.uniform(0.02, length) for _ in range(20)):
            cases.append((f"after {seconds:.2f} s", partial(killed_after, seconds=seconds)))
    some = {name: few(writes, step) for name, step in STEPS.items()}
    for number in {"random": [], "every": range(1, len(writes) + 1), **some}[which]:

        def case(run: Path, number: int = number) -> None:
            killed_and_resumed(run, number, *light, *(() if number >= page else ("report=false",)))

        cases.append((f"before {number} of {len(writes)}: {writes[number - 1]}", case))
    return side_by_side(whole, cases)


def side_by_side(whole: Path, cases: list[tuple[str, Callable[[Path], None]]]) -> list[tuple[str, list[str]]]:
    """As many at once as there are processors."""
    running: set[int] = set()
    for number, (_, case) in enumerate(cases):
        if len(running) == len(os.sched_getaffinity(0)):
            running.remove(os.wait()[0])
        child = os.fork()
        if child == 0:
            run, found = whole.with_name(f"killed_{number}"), ["it could not be resumed"]
            with suppress(BaseException):
                case(run)
                found = differences(whole, run)
            run.with_suffix(".json").write_text(json.dumps(found))
            os._exit(0)
        running.add(child)
    while running:
        running.remove(os.wait()[0])
    found_in = [whole.with_name(f"killed_{number}.json") for number in range(len(cases))]
    return [(what, json.loads(path.read_text())) for (what, _), path in zip(cases, found_in, strict=True)]


def main(folder: str, which: str = "every") -> None:
    results = prove(Path(folder).absolute(), which)
    for what, found in results:
        print(f"killed {what}: {'; '.join(found) or 'as one never killed'}")
    print(json.dumps({"killed": len(results), "differ": sum(bool(found) for _, found in results)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
