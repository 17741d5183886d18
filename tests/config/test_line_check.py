"""The check of a line as a whole: every mistake found, together, with the nearest name, before torch."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pellucid.config.command_line import split
from pellucid.config.line_check import with_additions
from tests.config.lines import accepted, ask, problems
from tests.helpers import CONF


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["model=xai", "data=catdog"],
        ["data.augment=[crop,flip,trivial,color,erase]", "augment.erase.probability=0.5", "data.repeats=3"],
        ["-m", "data.augment=none,light,[crop,erase]"],
        ["model=autoencoder", "data=fashion_mnist", "optimizer.lr=5e-3", "trainer.max_epochs=10"],
        ["model=resnet_frozen", "data=image_folder", "data.root=/my/photos"],
        ["model=resnet_finetune", "model.arch=mobilenet_v3_small", "model.trainable=all"],
        ["trainer=gpu", "trainer.precision=bf16-mixed"],
        ["-m", "model=dnn,cnn", "data=digits", "seed=1,2"],
        ["+optimizer.weight_decay=0.1", "~callbacks.summary"],
        ["optimizer=sgd", "optimizer.lr=1"],
        ["callbacks=[default,early_stopping]", "callbacks.early_stopping.patience=3"],
        ["+callbacks.rate._target_=lightning.pytorch.callbacks.LearningRateMonitor"],
        ["experiment=fashion_cnn", "debug=quick"],
        ["seed=0", "data.image_size=64", "model.hidden=[32]"],
        ["-m", "optimizer.lr=1e-3,1e-2", "seed=range(3)"],
        ["-m", "model=glob(resnet*)", "seed=choice(1,2)"],
        ["hydra.run.dir=/tmp/x", "trainer.devices=2", "trainer.gradient_clip_val=1"],
    ],
)
def test_good_lines(argv: list[str]) -> None:
    accepted(*argv)


def test_devices_may_be_a_number_numbers_or_auto() -> None:
    for devices in ("2", "[1]", "auto", "'0,1'"):
        accepted(f"trainer.devices={devices}")


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ("model=xia", "Did you mean 'xai'"),
        ("modle=cnn", "Did you mean 'model'"),
        ("trainer.max_epoch=3", "Did you mean 'max_epochs'"),
        ("trainer.epochs=3", "Did you mean 'max_epochs'"),
        ("model.class_weights=balanced", r"CNN has no option .*Did you mean 'task.class_weights'\?"),
        ("model.image_size=64", "Did you mean 'data.image_size'"),
        ("model.weight_decay=0.1", "Did you mean 'optimizer.weight_decay'"),
        (
            "class_weights=balanced",
            r"class_weights: there is no such option. Did you mean 'task.class_weights'",
        ),
        ("data.augment=croop", r"data\.augment=croop: expected one of none, .*Did you mean 'crop'"),
        ("data.augment=[crop,filp]", "there is no operation 'filp'. Did you mean 'flip'"),
        ("data.augment=[crop,3]", "data.augment: expected a text or a list, each a text"),
        (
            "augment.flip.probability=1.5",
            r"augment\.flip\.probability: expected a number from 0 to 1, got 1.5",
        ),
        ("augment.crop.scale=[0.2,2]", "augment.crop.scale: expected two numbers above 0 to 1"),
        ("augment.crop.scale=0.5", "augment.crop.scale: expected two numbers above 0 to 1"),
        ("augment.crop.scael=[0.2,1]", "augment.crop.scael: there is no such option. Did you mean"),
        ("augment.cropp.scale=[0.2,1]", "augment.cropp: there is no such operation. Did you mean 'crop'"),
        ("augment.erase.probability=0.5", "without effect, as data.augment=none has no erase"),
        ("task.mix=mixip", "task.mix: expected one of none, mixup, cutmix, both, got 'mixip'"),
        ("task.mix_alpha=0.3", "task.mix_alpha: without effect, as task.mix=none"),
        ("model=autoencoder task.mix=mixup", "task.mix: Reconstruction has no option 'mix'"),
        ("augment=strong", "An augmentation is chosen by data.augment=strong"),
        ("data=catdogs", r"data=catdogs: there is no such data set\. Did you mean 'catdog'"),
        ("+trainer.max_epoch=3", "Did you mean 'max_epochs'"),
        ("+tariner.max_epochs=3", "Did you mean 'trainer.max_epochs'"),
        ("++tariner.max_epochs=3", "Did you mean 'trainer.max_epochs'"),
        ("+seeds=3", "Did you mean 'seed'"),
        ("trainer.max_epochs=ten", "expected a whole number or null, got 'ten'"),
        ("trainer.devices=1.5", "trainer.devices: expected"),
        ("trainer.max_epochs=1.5", "expected a whole number or null, got 1.5"),
        ("seed=abc", "expected a whole number, got 'abc'"),
        ("seed=true", "expected a whole number, got True"),
        ("seed=-1", "seed: expected a whole number, 0 or more, got -1"),
        ("-m seed=0,-2", "seed: expected a whole number, 0 or more, got -2"),
        ("-m seed=0,1,1", "seed: the value 1 stands there twice"),
        ("-m data.seed=3,3", r"data\.seed: the value 3 stands there twice"),
        ("optimizer.lr=fast", "expected a number, got 'fast'"),
        ("model.hidden=[a]", "expected a list, each a whole number"),
        ("model.dropout=null", "expected a number, got None"),
        ("data.image_size=big", "expected a whole number or one of auto"),
        ("+optimizer.lr=0.1", "it is there already; write optimizer.lr=0.1"),
        ("~optimizer.lrr", "Did you mean 'optimizer.lr'"),
        ("model=cnn,dnn", "several values need -m"),
        ("data=image_folder", "data.root: expected a value: it must be given"),
        ("callbacks.summary.dept=3", "Did you mean 'depth'"),
        ("justaword", "cannot be read"),
        ("scheduler=null", "there is no such scheduler"),
        ("~logger", "write logger=none"),
        ("packages=numpy", r"expected a list, \[a,b\]"),
        ("hydra.rundir=x", "Hydra has no such option"),
        ("data.source=drawn", "Digits has no option 'source'"),
        ("sweep=tpe", r"of a sweep, which -m begins: python train\.py -m sweep=tpe"),
        ("sweep.trials=3", "of a sweep, which -m begins"),
        ("hydra/launcher=joblib", "of a sweep, which -m begins"),
        ("hydra.sweep.dir=x", "of a sweep, which -m begins"),
        ("hydra.sweeper.params=null", "of a sweep, which -m begins"),
        ("hydra.mode=MULTIRUN", "begun by -m"),
        ("-m hydra.run.dir=x seed=1,2", "of a single run"),
        ("-m seed=shuffle(1,2)", "Leave shuffle out"),
        ("-m sweep=tpe optimizer.lr=tag(logarithmic,interval(1,2))", "expected the tag log, got logarithmic"),
        ("--config-name=evaluate", "there is no such option here"),
        ("--config-path x", "there is no such option here"),
        ("--experimental-rerun x", "there is no such option here"),
        ("--package x", "for --cfg alone"),
        ("--resolve", "for --cfg alone"),
        ("--mulirun", "Did you mean '--multirun'"),
        ("hydra.run.dir=out/${modle}", r"hydra\.run\.dir: .*'modle' not found\. Did you mean 'model'"),
        ("seed=${sede}", r"seed: .*'sede' not found\. Did you mean 'seed'"),
        ("experiment=null", "leave it out"),
        ("seed=", "nothing is given"),
        ("data.root=", "nothing is given"),
    ],
)
def test_mistakes(argv: str, said: str) -> None:
    assert re.search(said, problems(*argv.split())), problems(*argv.split())


def test_all_mistakes_are_told_together() -> None:
    told = problems("model=xia", "trainer.max_epochs=ten", "+tariner.x=3", "optimizer.lrr=1", "seed=x")
    for part in ("xai", "trainer.max_epochs", "tariner.x", "optimizer.lrr", "seed"):
        assert part in told
    assert len(told.splitlines()) == 5


def test_every_value_of_a_sweep_is_checked() -> None:
    told = problems("-m", "model=cnn,dnnn", "seed=1,x", "optimizer.lr=1e-3,fast")
    assert "dnnn" in told
    assert "seed: expected" in told
    assert "optimizer.lr: expected" in told


def test_a_users_yaml_is_checked_too(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    path = tmp_path / "experiment" / "mine.yaml"
    path.write_text("# @package _global_\nsede: 7\nseed: abc\noptimizer: {lrr: 1}\n")
    told = problems("--config-dir", str(tmp_path), "experiment=mine")
    assert "sede: there is no such option. Did you mean 'seed'?" in told
    assert "seed: expected a whole number, got 'abc'" in told
    assert "optimizer.lrr: Adam has no option 'lrr'" in told
    path.write_text("# @package _global_\nseed: 7\ntrainer: {limit_val_batches: 2}\n")
    accepted("--config-dir", str(tmp_path), "experiment=mine")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: [1\n", r"mine\.yaml, line 2: this is no YAML, expected ',' or '\]'"),
        ("- 1\n", r"model: expected a _target_ and its options, got \[1\]"),
        ("", r"model: expected a _target_ and its options"),
        ("hidden: 3\n", r"model: expected a _target_ and its options, got \{'hidden': 3\}"),
    ],
)
def test_what_is_no_model_in_a_users_file_is_told(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.yaml").write_text(content, encoding="utf-8")
    told = problems("--config-dir", str(tmp_path), "model=mine")
    assert re.search(said, told), told


def test_a_mistake_ends_with_2_without_traceback_or_torch(tmp_path: Path) -> None:
    done = ask("model=xia", "seed=x", f"hydra.run.dir={tmp_path / 'run'}")
    assert done.returncode == 2
    first, second = done.stderr.splitlines()
    assert first.startswith("error: model=xia: ")
    assert second.startswith("       seed: ")
    assert "Traceback" not in done.stderr
    assert done.stdout.endswith("False\n"), "torch was imported"
    assert not (tmp_path / "run").exists()


OWN_DATA = ("data=own", "packages=[tests]", "data._target_=tests.data.own_sets.Splits")


def test_data_of_ones_own_take_our_options_and_theirs() -> None:
    accepted(*OWN_DATA, "data.batch_size=8", "data.val_fraction=0.2", "+data.form=array")
    told = problems(*OWN_DATA, "+data.from=array", "data.workers=some", "data.batch_size=x")
    assert "data.from: Splits has no option 'from'. Did you mean 'form'?" in told
    assert "data.workers: expected a whole number or one of auto, got 'some'" in told
    assert "data.batch_size: expected a whole number, got 'x'" in told
    accepted(*OWN_DATA, "data.form=array")
    assert "data._target_: it must be given: packages=[mypkg] data._target_=mypkg" in problems("data=own")


@pytest.mark.parametrize(
    ("argv", "taken"),
    [
        (["optimizer.lr=1", "optimizer.weight_decay=1"], ["optimizer.lr=1", "+optimizer.weight_decay=1"]),
        (["+optimizer.weight_decay=1"], ["+optimizer.weight_decay=1"]),
        (["++optimizer.weight_decay=1"], ["++optimizer.weight_decay=1"]),
        (
            ["-m", "optimizer.weight_decay=1e-4,1e-3", "optimizer=adam,sgd"],
            ["++optimizer.weight_decay=1e-4,1e-3", "optimizer=adam,sgd"],
        ),
        (
            ["-m", "optimizer=adam", "optimizer.weight_decay=0,1"],
            ["optimizer=adam", "+optimizer.weight_decay=0,1"],
        ),
        (["~callbacks.summary", "hydra.job.name=x"], ["~callbacks.summary", "hydra.job.name=x"]),
        (["seed=1", "sed=1"], ["seed=1", "sed=1"]),
        (["model=none_such", "model.x=1"], ["model=none_such", "model.x=1"]),
    ],
)
def test_signs_of_what_is_added(argv: list[str], taken: list[str]) -> None:
    assert with_additions(split(argv), CONF).overrides == taken


def test_every_choice_of_a_sweep_must_take_it() -> None:
    accepted("-m", "optimizer=adam,sgd", "optimizer.weight_decay=1e-4,1e-3")
    told = problems("-m", "optimizer=sgd,adam", "optimizer.dampening=0.1")
    assert told == "optimizer.dampening: Adam has no option 'dampening'."
