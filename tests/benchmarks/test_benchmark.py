"""The benchmark, on little."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from benchmarks import plain, processes
from benchmarks.measure import (
    LOADER,
    MEMORY,
    OURS,
    PICTURES,
    Measured,
    Result,
    measure_loading,
    plain_data,
)
from benchmarks.run import benchmark
from benchmarks.table import HEADER, rows, write
from pellucid.errors import UserError
from tests.helpers import ROOT, command, compose

OPTIONS: dict[str, Any] = {
    **{"nets": ["dnn"], "rounds": 1, "fashion": None, "photos": None, "views": 0},
    **{"accelerator": "cpu", "precision": "32-true", "commands": False},
}


def test_the_plain_loop_learns_and_sees_every_image() -> None:
    seen = []

    class Net(nn.Linear):
        def forward(self, images_BCHW: torch.Tensor) -> torch.Tensor:
            seen.append(images_BCHW[:, 0, 0, 0])
            return super().forward(images_BCHW.flatten(1))

    net = Net(4, 2)
    images = torch.arange(7, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 2, 2).contiguous()
    data = plain.ArrayImages(images, torch.tensor([0, 1] * 3 + [0]), plain.of_arrays([0.0], [1.0]))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    before = net.weight.detach().clone()
    loss = nn.functional.cross_entropy
    assert plain.train_epoch(net, plain.batches(data, 3), optimizer, loss, torch.device("cpu")) > 0
    assert sorted((torch.cat(seen) * 255).round().int().tolist()) == list(range(7))
    assert not torch.equal(net.weight, before)
    seen.clear()
    indices = torch.split(torch.randperm(7), 3)
    plain.train_epoch_in_memory(net, images / 255, torch.zeros(7).long(), indices, optimizer, loss)
    assert sorted((torch.cat(seen) * 255).round().int().tolist()) == list(range(7))


def test_both_are_given_the_same_images(photos: Path, tmp_path: Path) -> None:
    """In memory exactly, and photos, which are larger than what is seen of them."""
    options = [
        "data=catdog",
        "data.image_size=16",
        f"data.root={photos}",
        f"data.cache={tmp_path}",
        "data.augment=none",
    ]
    for config in (compose("model=dnn"), compose("model=dnn", *options)):
        measured = Measured("dnn", config, {})
        usual = plain_data(measured.data, config)
        images, labels = measured._tensors(torch.device("cpu"))
        assert len(usual) == len(images)
        for index in (0, len(images) - 1):
            image, label = usual[index]
            assert label == labels[index]
            assert image.shape == images[index].shape
            assert (image - images[index]).abs().mean() < 1e-5


@pytest.mark.slow
def test_a_round_times_all_of_them() -> None:
    views = compose("callbacks=[samples,predictions]")["callbacks"]
    result = Measured("dnn", compose("model=dnn"), views).run(2)
    assert set(result.seconds) == {LOADER, MEMORY, OURS, PICTURES}
    assert all(len(taken) == 2 and min(taken) > 0 for taken in result.seconds.values())
    assert min(result.seconds[PICTURES]) > min(result.seconds[OURS])


def test_a_part_of_an_epoch_is_the_same_part_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []
    for name in ("train_epoch", "train_epoch_in_memory"):
        monkeypatch.setattr(plain, name, _counting(getattr(plain, name), steps))
    result = Measured("dnn", compose("model=dnn", "+trainer.limit_train_batches=3"), {}).run(1)
    assert steps == [3] * 4
    assert result.images == 3 * 32


def _counting(function: Any, steps: list[int]) -> Any:
    def wrapped(net: nn.Module, *rest: Any) -> float:
        count = [0]
        with nn.modules.module.register_module_forward_hook(
            lambda module, *_: count.__setitem__(0, count[0] + (module is net))
        ):
            taken: float = function(net, *rest)
        steps.append(count[0])
        return taken

    return wrapped


def test_loading_alone(photos: Path, tmp_path: Path) -> None:
    options = ["data=catdog", f"data.root={photos}", f"data.cache={tmp_path}"]
    result = measure_loading(compose("model=dnn", *options), 2)
    assert {what: len(taken) for what, taken in result.seconds.items()} == {LOADER: 2, OURS: 2}
    (row,) = rows([result])
    assert row[0].startswith("photos, loading only, ")
    assert dict(zip(HEADER, row, strict=True))["ours / in memory"] == ""


def test_ratios_are_of_the_same_round(tmp_path: Path) -> None:
    seconds = {OURS: [1.0, 20.0, 3.0], LOADER: [2.0, 40.0, 3.0], MEMORY: [1.0] * 3, PICTURES: [1.0] * 3}
    result = Result("dnn", images=100, epochs=2, seconds=seconds)
    assert result.ratio(LOADER) == 0.5
    (row,) = rows([result])
    assert dict(zip(HEADER, row, strict=True))["images/s"] == "67"  # 200 images in 3 seconds
    spent = {
        name: processes.Spent([2.0, 4.0] if name == processes.WHOLE else [4.0, 4.0], 100.0)
        for name in (processes.WHOLE, processes.WHOLE_PLAIN, processes.FIRST_STEP, processes.BARE_IMPORT)
    }
    assert processes.ratios(spent)[processes.WHOLE] == (0.75, 1.0)
    write(tmp_path, {"threads": 2}, [result], spent)
    assert json.loads((tmp_path / "benchmark.json").read_text())["epochs"]["dnn"]["seconds"] == seconds
    assert (
        "| dnn, 2 × 100 images | 3.00 | 1.00 | 3.00 | 1.00 | 67 |" in (tmp_path / "benchmark.md").read_text()
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"nets": ["dnn", "vgg"]}, "nets: vgg: expected some of dnn"),
        ({"nets": []}, "nothing to time"),
        ({"rounds": 0}, "rounds=0: expected"),
        ({"precision": "16-true"}, "precision=16-true: expected 32-true or bf16-mixed"),
        ({"views": 2}, "views=2: expected 0 or, of photos=<folder>, more"),
        ({"fashion": "/nowhere"}, "fashion=/nowhere: expected a folder with train-images-idx3-ubyte"),
        ({"photos": "/nowhere"}, "photos=/nowhere: expected train"),
    ],
)
def test_bad_options_are_told(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        benchmark(**{**OPTIONS, **options, "out": str(tmp_path / "out")})
    assert not (tmp_path / "out").exists()


def test_an_unwritable_folder_is_told_before_anything_is_timed() -> None:
    with pytest.raises(UserError, match="out=/proc/here: the folder cannot be made"):
        benchmark(**{**OPTIONS, "out": "/proc/here"})


def test_memory_is_the_commands_own(tmp_path: Path) -> None:
    """Not ours, who are large."""
    ballast = bytearray(200 * 2**20)
    ballast[::4096] = b"x" * len(ballast[::4096])
    _, small = processes._run([sys.executable, "-c", "pass"], tmp_path, code=0)
    _, large = processes._run([sys.executable, "-c", "x = b'x' * (100 * 2**20)"], tmp_path, code=0)
    assert small < 50
    assert 100 < large < 150
    with pytest.raises(UserError, match=r"ended with 1:\nno such luck"):
        processes._run([sys.executable, "-c", "import sys; sys.exit('no such luck')"], tmp_path, code=0)


@pytest.mark.slow
def test_the_command(tmp_path: Path, fashion: Path) -> None:
    few = f"fashion={fashion}"
    line = ("nets=[dnn]", "rounds=1", "commands=false", few, "out=here")
    done = command(*line, script="scripts/benchmark.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"Written: {tmp_path / 'here' / 'benchmark.md'}" in done.stdout
    found = json.loads((tmp_path / "here" / "benchmark.json").read_text())
    assert found["epochs"]["dnn"]["images"] == 270
    assert "ours / loader" in (tmp_path / "here" / "benchmark.md").read_text()


@pytest.mark.slow
@pytest.mark.heavy
def test_every_command_that_is_timed(tmp_path: Path, fashion: Path) -> None:
    seconds = {}
    for name, line in processes._lines(ROOT / "train.py", str(fashion)):
        seconds[name], _ = processes._run(line, tmp_path, code=2 if name == processes.MISTAKE else 0)
    assert seconds[processes.HELP] < seconds[processes.BARE_IMPORT]
