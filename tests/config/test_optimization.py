"""Lines that say how a net is optimized: several mistakes at once, before torch."""

from __future__ import annotations

import importlib.util

import pytest

from pellucid.config.optimization import optimization_problems, range_test_problems
from tests.config.lines import accepted, problems

FREE = importlib.util.find_spec("schedulefree") is not None
TIMM = importlib.util.find_spec("timm") is not None


@pytest.mark.parametrize(
    "line",
    [
        "optimizer.groups.backbone=0.1",
        "optimizer=adamw optimizer.groups.weight_decay=weights optimizer.groups.layer_decay=0.7",
        "+optimizer.groups={weight_decay:weights}",
        "-m optimizer.groups.backbone=0.1,1",
        "scheduler=warmup_cosine scheduler.warmup_epochs=2 scheduler.floor=0.01",
        "scheduler=one_cycle scheduler.warmup=0.2",
        "scheduler=linear trainer.gradient_clip_val=1",
        "scheduler=cosine scheduler.interval=step",
        "average=ema average.decay=0.99",
        "average=swa average.start=0",
        "-m average=none,ema,swa",
        "optimizer.lr=auto",
        "optimizer=sgd_nesterov optimizer.lr=auto",
        "recipe=fast minutes=null trainer.max_epochs=3",
        "recipe=best minutes=5",
        "model=dnn optimizer=sgd_nesterov scheduler=none average=none",
    ],
)
def test_good_lines(line: str) -> None:
    accepted(*line.split())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "optimizer.groups.bakbone=0.1",
            "Did you mean 'backbone'? It has: weight_decay, backbone, layer_decay",
        ),
        (
            "optimizer.groups.backbone=2",
            "groups.backbone=2: expected a share of the learning rate, above 0 to 1",
        ),
        ("optimizer.groups.layer_decay=0", "above 0 to 1"),
        ("optimizer.groups.layer_decay=much", "expected a number, got 'much'"),
        ("optimizer.groups.weight_decay=none", "expected one of all, weights"),
        ("optimizer.groups=3", "optimizer.groups: expected a mapping, got 3"),
        ("optimizer.lr=-1", "optimizer.lr=-1: expected a rate, 0 or more"),
        ("optimizer.weight_decay=-0.1", "weight_decay=-0.1: expected 0 or more"),
        ("scheduler=one_cycle scheduler.div_factor=0", "div_factor=0: expected 1 or more"),
        ("minutes=2 trainer.max_epochs=3", "max_epochs: without effect, as minutes decides"),
        ("recipe=fast trainer.max_epochs=3", "minutes=null is none"),
        ("recipe=fast minutes=soon", "minutes=soon: expected a time above 0"),
        ("optimizer.lr=often", "optimizer.lr: expected a number, got 'often'. auto finds one"),
        ("scheduler=linear scheduler.warmup=1", "scheduler.warmup=1: expected a share of the training"),
        ("scheduler=linear scheduler.warmup_epochs=10", "longer, which has 10 epochs. Expected fewer"),
        ("scheduler=linear scheduler.warmup_epochs=-1", "warmup_epochs=-1: expected 0 or more"),
        ("scheduler=linear scheduler.floor=-0.1", "scheduler.floor=-0.1: expected a share"),
        ("scheduler=linear scheduler.total_steps=9", "total_steps: the training gives it. Leave it out"),
        ("scheduler=linear scheduler.interval=epoch", "is a function of the step"),
        ("minutes=0", "minutes=0: expected a time above 0"),
        ("minutes=soon", "minutes=soon: expected a time above 0"),
        ("minutes=3 scheduler=cosine", "of a training whose epochs are known"),
        ("scheduler=plateau scheduler.interval=step", "the plateau is of val/loss, known once an epoch"),
        ("scheduler=cosine scheduler.interval=batch", "expected one of step, epoch, got 'batch'"),
        ("average=emma", "there is no such average. Did you mean 'ema'"),
        ("average=ema average.decay=1", "average.decay=1: expected 0 to below 1"),
        ("average=ema average.deacy=0.9", "Did you mean 'decay'"),
        ("task.mix=mixup task.mix_alpha=-1", "task.mix_alpha=-1: expected a number above 0, or null"),
        ("task.mix=both task.mix_probability=2", "task.mix_probability=2: expected a share of the batches"),
        ("data.augment=light data.repeats=0", "data.repeats=0: expected 1 or more draws"),
        ("optimizer=lion optimizer.betas=[1,2]", "optimizer.betas=[1,2]: expected decays, each 0 to below 1"),
        ("optimizer=muon optimizer.momentum=2", "optimizer.momentum=2: expected 0 to below 1"),
        ("optimizer=sgd_nesterov optimizer.momentum=0", "optimizer.momentum=0: Nesterov's needs some"),
        ("task.label_smoothing=1", "task.label_smoothing=1: expected 0 to below 1"),
        ("keep_every=-1", "keep_every=-1: expected 0 (none) or more"),
        ("data.val_fraction=1", "data.val_fraction=1: expected more than 0 and less than 1"),
        ("data.image_size=0", "data.image_size=0: expected 1 or more pixels a side"),
        ("average=swa average.start=1.5", "average.start=1.5: expected a share of the training"),
    ],
)
def test_mistakes(line: str, said: str) -> None:
    assert said in problems(*line.split())


def test_all_mistakes_of_a_line_are_told_together() -> None:
    line = (
        "optimizer.groups.backbone=2 optimizer.lr=often scheduler=warmup_cosine scheduler.warmup_epochs=99 "
        "average=ema average.decay=2 modle=cnn"
    )
    text = problems(*line.split())
    for name in (
        "groups.backbone=2",
        "optimizer.lr: expected",
        "warmup_epochs=99",
        "average.decay=2",
        "modle",
    ):
        assert name in text


def test_what_stands_in_place_of_a_schedule() -> None:
    node = {"_target_": "schedulefree.AdamWScheduleFree", "lr": 1.0}
    config = {"optimizer": node, "scheduler": {"_target_": "x.Y"}, "average": {"_target_": "x.Y"}}
    first, second = optimization_problems(config)
    assert "write scheduler=none" in first
    assert "write average=none" in second
    assert not list(optimization_problems({"optimizer": node}))


@pytest.mark.parametrize(("name", "there"), [("lion", TIMM), ("adamw_schedule_free", FREE)])
def test_packages_of_optimizers(name: str, there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if there:
        accepted(f"optimizer={name}")
    monkeypatch.setattr(importlib.util, "find_spec", lambda package: None)
    from pellucid.config.check import check_targets

    target = "timm.optim.Lion" if name != "adamw_schedule_free" else "schedulefree.AdamWScheduleFree"
    (said,) = check_targets({"optimizer": {"_target_": target}}).values()
    extra = target.partition(".")[0]
    assert f"needs the package {extra}, which is not installed" in said
    assert f"pip install 'pellucid[{extra}]'" in said


def test_a_users_own_schedule_has_options_of_its_own() -> None:
    own = {"_target_": "mine.Schedule", "warmup": 500, "total_steps": 3}
    assert not list(optimization_problems({"optimizer": {}, "scheduler": own}))


def test_rates_and_length_of_a_range_test() -> None:
    assert list(range_test_problems(1, 0.1, 2)) == [
        "low=1, high=0.1: expected two learning rates, 0 < low < high.",
        "steps=2: expected at least 20.",
    ]
    assert not list(range_test_problems(1e-6, 1, 20))


def test_a_batch_of_one_has_nothing_to_be_mixed_with() -> None:
    (told,) = optimization_problems({"task": {"mix": "cutmix"}, "data": {"batch_size": 1}})
    assert told.startswith("task.mix=cutmix: a batch of one image")
    assert not list(optimization_problems({"task": {"mix": "none"}, "data": {"batch_size": 1}}))
    assert not list(optimization_problems({"task": {"mix": "cutmix"}, "data": {"batch_size": 2}}))
