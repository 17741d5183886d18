"""Runs are come back to from what is in their folder alone, also those of the first version."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from pellucid.commands.evaluate import evaluate
from pellucid.commands.train import train
from pellucid.config.command_line import split
from pellucid.config.data_override import read_data
from pellucid.engine.loaded_run import restore
from pellucid.errors import UserError
from pellucid.run.folder import FORMAT, Run
from pellucid.run.resume import resumed_config
from tests.fakes import write_photos
from tests.helpers import CONF, compose, make_run

FIRST = Path(__file__).parents[1] / "runs" / "format_1"  # written by the first version of the project


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FIRST, tmp_path / "first"))


def test_a_run_in_half_precision_of_a_gpu_is_opened_on_a_cpu(
    first: Path, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoint = first / "checkpoints" / "best.ckpt"
    content = torch.load(checkpoint, weights_only=True)
    content["pellucid"]["config"]["trainer"]["precision"] = "16-mixed"
    torch.save(content, checkpoint)
    with caplog.at_level("INFO"):
        predictor = restore(first, accelerator="cpu").predictor()
    assert "16-mixed needs a GPU: bf16-mixed here" in caplog.text
    assert (
        predictor.run(predictor.inputs(torch.zeros(1, *predictor.spec.image_shape).byte())).isfinite().all()
    )


def test_a_newer_run_is_refused(first: Path) -> None:
    Run(first).record({"format": FORMAT + 1})
    with pytest.raises(UserError, match=f"newer pellucid \\(format {FORMAT + 1}\\)"):
        Run.open(first)


def test_a_checkpoint_alone_is_enough(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", "model=dnn", "model.hidden=[4]")
    alone = Path(shutil.copy(folder / "checkpoints" / "best.ckpt", tmp_path / "mine.ckpt"))
    one, other = restore(folder), restore(alone)
    assert one.run is not None
    assert other.run is None
    assert other.folder == tmp_path / "mine"
    images = torch.rand(3, 1, 8, 8)
    assert torch.equal(one.predictor().run(images), other.predictor().run(images))
    inside = restore(folder / "checkpoints" / "last.ckpt")
    assert inside.run is not None
    assert inside.run.folder == folder


def test_what_is_no_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no run folder"):
        restore(tmp_path)
    with pytest.raises(UserError, match="does not exist"):
        restore(tmp_path / "none")
    text = tmp_path / "text.txt"
    text.write_text("no checkpoint")
    with pytest.raises(UserError, match="damaged or not a checkpoint"):
        restore(text)
    config = compose("model=dnn")
    empty = tmp_path / "empty"
    Run(empty).save_config(config)
    with pytest.raises(UserError, match=r"has no such checkpoint. It has: none"):
        restore(empty)


def test_a_net_trained_in_half_precision_is_run_in_its_own(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", "model=dnn", "model.hidden=[4]", "trainer.precision=bf16-true")
    trained = restore(folder, accelerator="cpu")
    predictor = trained.predictor()
    trained.task.to(torch.bfloat16)  # as Lightning leaves it after a test
    assert predictor.run(torch.rand(3, 1, 8, 8)).dtype == torch.float32


# --- data that change after a training -----------------------------------------------------------


@pytest.fixture(scope="module")
def of_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``photos`` and a ``run`` that was trained on them."""
    folder = tmp_path_factory.mktemp("of_photos")
    write_photos(folder / "photos", {"cat": 40, "dog": 40})
    return _trained_on(folder)


def _trained_on(folder: Path) -> Path:
    data = ("data=image_folder", f"data.root={folder / 'photos'}", f"data.cache={folder / 'cache'}")
    make_run(folder / "run", "model=dnn", "model.hidden=[4]", *data, "data.image_size=8")
    return folder


@pytest.fixture
def place(of_photos: Path, tmp_path: Path) -> Path:
    """A copy of that, at another place."""
    return Path(shutil.copytree(of_photos, tmp_path / "place"))


def _resume(place: Path, *given: str) -> dict[str, Any]:
    config = resumed_config(Run(place / "run"), split([f"resume={place / 'run'}", *given]), CONF)
    assert config is not None
    return train(config, place / "run", resume=True)


def _files(place: Path, *given: str) -> dict[str, set[str]]:
    """The file names of each split, as evaluate would have them."""
    asked: Any = read_data(split([*given]), CONF)
    return {name: set(part.files) for name, part in restore(place / "run").data(asked).splits.items()}


def test_data_and_run_may_move(place: Path, of_photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _files(of_photos)
    moved = place / "elsewhere"
    (place / "photos").rename(moved)
    assert _files(place, f"data.root={moved}") == before
    done = _resume(place, "trainer.max_epochs=2", f"data.root={moved}")
    assert done["epochs"] == 2
    assert "data/changes" not in done
    assert _files(place) == before  # also of best.ckpt, whose own configuration names the old place
    with pytest.raises(UserError, match=r"Refused: data.val_fraction=0.3"):
        _resume(place, "trainer.max_epochs=3", "data.val_fraction=0.3")


def test_a_run_does_not_go_on_with_other_images(place: Path) -> None:
    write_photos(place / "other", {"cat": 40, "dog": 40}, seed=1)
    with pytest.raises(UserError, match=r"the run knows 0 of these 80 images.*data.root=<folder>"):
        _resume(place, "trainer.max_epochs=2", f"data.root={place / 'other'}")


def test_a_run_that_goes_on_tells_what_has_changed_and_keeps_the_trace(
    place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before, first = _files(place), Run(place / "run").metrics()
    root = place / "moved"
    (place / "photos").rename(root)
    write_photos(place / "new", {"cat": 6}, seed=1)
    for path in sorted((place / "new" / "cat").iterdir()):
        path.rename(root / "cat" / f"new_{path.name}")
    (root / "dog" / "000.jpg").unlink()
    done = _resume(place, "trainer.max_epochs=2", f"data.root={root}")
    assert "6 added (cat/new_000.jpg" in done["data/changes"]
    assert "1 removed (dog/000.jpg)" in done["data/changes"]
    assert done["data/fingerprint"] == first["data/fingerprint"] != done["data/fingerprint/resumed"]
    after = _files(place)
    for name, files in after.items():
        assert {file for file in files if "new_" not in file} == before[name] - {"dog/000.jpg"}
    caplog.clear()
    _files(place)  # it has been trained on the new ones now
    assert "added" not in caplog.text


@pytest.mark.parametrize(("change", "told"), [("cat", "new: katze; gone: cat"), ("", "new: katze")])
def test_the_classes_of_a_run_stay(place: Path, change: str, told: str) -> None:
    root = place / "photos"
    new = root / "katze"
    (root / change).rename(new) if change else shutil.copytree(root / "dog", new)
    with pytest.raises(UserError, match=told):
        _resume(place, "trainer.max_epochs=2", f"data.root={root}")
    assert Run(place / "run").metrics()["epochs"] == 1


def test_other_images_are_evaluated_all_of_them(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    other = place / "other"
    write_photos(other / "test", {"cat": 7, "bird": 3}, seed=1)
    asked: Any = read_data(split([f"data.root={other}"]), CONF)
    given: dict[str, Any] = {
        "checkpoint": "best",
        "accelerator": "cpu",
        "data": asked,
        "out": str(place / "out"),
    }
    evaluate(str(place / "run"), split="test", **given)
    noted = json.loads((place / "out" / "best_test" / "metrics.json").read_text())
    assert noted["images"] == 7
    assert "bird is none of the classes" in caplog.text
    assert "has no images of dog" in caplog.text
    with pytest.raises(UserError, match=r"split=train: .* has test only"):
        evaluate(str(place / "run"), split="train", **given)


def test_images_that_were_trained_on_are_left_out_or_counted(place: Path, of_photos: Path) -> None:
    other = place / "other"
    write_photos(other, {"cat": 7, "dog": 7}, seed=1)
    known = sorted(_files(of_photos)["train"])[:3]
    for number, file in enumerate(known):
        shutil.copy(place / "photos" / file, other / "cat" / f"known_{number}.jpg")
    asked: Any = read_data(split([f"data.root={other}"]), CONF)
    for trained_on, count in (("leave_out", 14), ("count", 17)):
        given: dict[str, Any] = {"accelerator": "cpu", "data": asked, "trained_on": trained_on}
        out = place / trained_on
        evaluate(str(place / "run"), split="test", out=str(out), **given)
        noted = json.loads((out / "best_test" / "metrics.json").read_text())
        assert noted["images"] == count
        assert noted["trained_on"] == [f"cat/known_{number}.jpg" for number in range(3)]
