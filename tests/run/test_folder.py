"""The run folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from pellucid.errors import UserError
from pellucid.run.folder import Run, check_new_folder

WRITTEN = """
model: {_target_: torch.nn.Linear, a: 1}
data: {_target_: pellucid.data.digits.Digits}
task: {_target_: pellucid.task.classification.Classification}
optimizer: {_target_: torch.optim.SGD}
trainer: {_target_: lightning.Trainer}
scheduler: null
seed: 1
x: ${model.a}
"""


def make(folder: Path) -> Run:
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra" / "config.yaml").write_text(WRITTEN)
    return Run(folder)


def test_record_adds_and_replaces_keys(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.record({"status": "running", "val/accuracy": 0.5})
    run.record({"status": "finished"})
    assert run.metrics() == {"status": "finished", "val/accuracy": 0.5}


def test_rows_have_a_column_for_every_key(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.write_rows([{"epoch": 1, "a": 0.5}, {"epoch": 2, "b": 1.0}])
    assert (tmp_path / "metrics.csv").read_text() == "epoch,a,b\n1,0.5,\n2,,1.0\n"


def test_config_is_plain_and_resolved(tmp_path: Path) -> None:
    config = make(tmp_path / "run").config()
    assert config["x"] == 1
    assert type(config["model"]) is dict


def test_another_choice_is_noted(tmp_path: Path) -> None:
    run = make(tmp_path / "run")
    run.save_choice("task", "multilabel")
    assert not run.choices(), "where choices are not kept, none is noted"
    kept = {"hydra": {"runtime": {"choices": {"task": "classification", "model": "cnn"}}, "x": "${y}"}}
    (run.folder / ".hydra" / "hydra.yaml").write_text(OmegaConf.to_yaml(kept))
    run.save_choice("task", "multilabel")
    assert run.choices() == {"task": "multilabel", "model": "cnn"}
    assert "${y}" in (run.folder / ".hydra" / "hydra.yaml").read_text()


@pytest.mark.parametrize(
    "content", ["a: [", "just text", "model: 1", "x: ${nowhere}\nmodel: 1\ndata: 1\ntask: 1"]
)
def test_a_foreign_configuration_is_told(tmp_path: Path, content: str) -> None:
    run = make(tmp_path / "run")
    (run.folder / ".hydra" / "config.yaml").write_text(content)
    with pytest.raises(UserError, match=r"config\.yaml"):
        run.config()


def test_open_wants_a_run(tmp_path: Path) -> None:
    make(tmp_path / "a=b [c]")
    assert Run.open(tmp_path / "a=b [c]").folder == tmp_path / "a=b [c]"
    with pytest.raises(UserError, match="is no run folder"):
        Run.open(tmp_path)
    with pytest.raises(UserError, match="does not exist"):
        Run.open(tmp_path / "nowhere")


def test_the_newest_run_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By when it was begun, whatever was written since."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="last for the newest in outputs"):
        Run.open("last")
    begun = {"cnn_digits/first": 1, "cnn_digits/then": 3, "dnn_digits/between": 2, "sweeps/grid/0": 4}
    for name, when in begun.items():
        written = make(tmp_path / "outputs" / name).folder / ".hydra" / "overrides.yaml"
        written.write_text("[]")
        os.utime(written, (when, when))
    (tmp_path / "outputs" / "cnn_digits" / "first" / ".hydra" / "config.yaml").touch()
    found = ("last", "outputs", "outputs/cnn_digits", "outputs/dnn_digits", "outputs/sweeps/grid")
    names = [Run.open(text).folder.name for text in found]
    assert names == ["then", "then", "then", "between", "0"]
    (tmp_path / "last").mkdir()  # a folder of that name is not meant, but ./last
    assert Run.open("last").folder.name == "then"
    with pytest.raises(UserError, match="has none in it"):
        Run.open("./last")


def test_kept_checkpoints_in_order(tmp_path: Path) -> None:
    run = make(tmp_path / "run")
    run.checkpoints.mkdir()
    for name in ("best.ckpt", "last.ckpt", "epoch_0010.ckpt", "epoch_0002.ckpt", ".last.ckpt.x"):
        (run.checkpoints / name).touch()
    names = [path.name for path in run.kept_checkpoints()]
    assert names == ["epoch_0002.ckpt", "epoch_0010.ckpt", "last.ckpt", "best.ckpt"]


def test_discard_removes_ours_alone(tmp_path: Path) -> None:
    run = make(tmp_path / "outputs" / "cnn_digits" / "run")
    run.record({"status": "running"})
    (run.folder / "mine.txt").touch()
    run.discard()
    assert [p.name for p in run.folder.iterdir()] == ["mine.txt"]
    (run.folder / "mine.txt").unlink()
    run.discard()
    assert list((tmp_path / "outputs").iterdir()) == []


def test_a_new_folder_must_hold_no_run_and_be_writable(tmp_path: Path) -> None:
    check_new_folder(tmp_path / "new" / "deep")
    assert not (tmp_path / "new").exists()
    make(tmp_path / "old")
    with pytest.raises(UserError, match="holds a run already"):
        check_new_folder(tmp_path / "old")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="not a folder that you may write to"):
        check_new_folder(tmp_path / "file" / "run")


def test_a_lock_is_held_by_one(tmp_path: Path) -> None:
    one, other = Run(tmp_path), Run(tmp_path)
    one.lock()
    with pytest.raises(UserError, match="another process"):
        other.lock()
    one.unlock()
    other.lock()
    other.unlock()


def test_what_an_experiment_sets_is_known(tmp_path: Path) -> None:
    run, sources = Run(tmp_path), [{"schema": "pkg", "path": "hydra.conf"}]
    for folder, epochs in (("mine", "{max_epochs: 3}"), ("ours", "{devices: 1}")):
        (tmp_path / folder / "experiment").mkdir(parents=True)
        (tmp_path / folder / "experiment" / "a.yaml").write_text(
            f"defaults: [b]\ntrainer: {epochs}\nseed: 1\n"
        )
        sources.append({"schema": "file", "path": str(tmp_path / folder)})
    (tmp_path / ".hydra").mkdir()
    kept = {"hydra": {"runtime": {"choices": {"experiment": "a", "debug": None}, "config_sources": sources}}}
    OmegaConf.save(OmegaConf.create(kept), tmp_path / ".hydra" / "hydra.yaml")
    assert run.preset_options(("experiment", "debug")) == ["trainer", "trainer.max_epochs", "seed"]
    assert run.preset_options(("debug",)) == []
