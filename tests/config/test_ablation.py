"""Which trials an ablation has."""

from __future__ import annotations

from hydra.core.override_parser.overrides_parser import OverridesParser

from pellucid.config.ablation import ablation_problems, ablations
from pellucid.config.space import Parameter, read_space


def read(*texts: str) -> tuple[Parameter, ...]:
    return read_space(OverridesParser.create().parse_overrides(list(texts)), {})


def test_none_each_alone_each_left_out_and_all() -> None:
    trials = dict(
        ablations(read("average=none,ema", "task.label_smoothing=0,0.1", "data.augment=flip,strong"))
    )
    assert list(trials) == [
        "none",
        *("only average=ema", "only task.label_smoothing=0.1", "only data.augment=strong"),
        *("all but average=ema", "all but task.label_smoothing=0.1", "all but data.augment=strong"),
        "all",
    ]
    without = trials["all but task.label_smoothing=0.1"]
    assert without == {"average": "ema", "task.label_smoothing": 0, "data.augment": "strong"}


def test_of_two_options_a_trial_that_is_two_things_is_there_once() -> None:
    assert [name for name, _ in ablations(read("a=0,1", "b=0,1"))] == ["none", "only a=1", "only b=1", "all"]
    assert [name for name, _ in ablations(read("a=0,1"))] == ["none", "all"]


def test_problems_are_told_each_in_a_line() -> None:
    assert not list(ablation_problems(read("a=0,1"), sampled=False))
    (nothing,) = ablation_problems((), sampled=False)
    assert nothing.startswith("There is nothing to leave out")
    three, sampled = ablation_problems(read("a=0,1,2"), sampled=True), "sweep.ablation=true"
    assert [line.partition(":")[0] for line in three] == [sampled, "a=choice(0,1,2)"]
