"""From overrides to a space."""

from __future__ import annotations

import json

import optuna
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from pellucid.config.space import Parameter, combinations, read_space, space_problems


def read(*texts: str) -> tuple[Parameter, ...]:
    return read_space(OverridesParser.create().parse_overrides(list(texts)), {"model": ["cnn", "dnn", "xai"]})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.b=interval(0,0.5)", FloatDistribution(0, 0.5)),
        ("a.b=tag(log,interval(1e-4,1e-1))", FloatDistribution(1e-4, 1e-1, log=True)),
        ("a.b=int(interval(1,10))", IntDistribution(1, 10)),
        ("a.b=tag(log,int(interval(1,64)))", IntDistribution(1, 64, log=True)),
        ("a.b=range(1,10,3)", IntDistribution(1, 7, step=3)),
        ("a.b=range(10,1,-3)", IntDistribution(4, 10, step=3)),
        ("a.b=range(0.1,0.5,0.2)", FloatDistribution(0.1, 0.3, step=0.2)),
        ("a.b=choice(32,64)", CategoricalDistribution((32, 64))),
        ("+a.b=x,'y,z',null,true", CategoricalDistribution(("x", "y,z", None, True))),
        ("a.b=[1,2],[3]", CategoricalDistribution(("[1,2]", "[3]"))),
        ("model=glob([c*,d*])", CategoricalDistribution(("cnn", "dnn"))),
    ],
)
def test_what_optuna_is_asked(text: str, expected: BaseDistribution) -> None:
    (parameter,) = read(text)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    trial = study.ask()
    value = parameter.suggest(trial)
    assert trial.distributions[parameter.name] == expected
    assert parameter.suggest(trial) == value  # a trial that is taken over keeps its own
    (again,) = OverridesParser.create().parse_overrides([parameter.override(value)])
    assert not again.is_sweep_override()
    key = again.get_key_element()
    assert key == text.partition("=")[0]
    found = again.value()
    assert found == value or str(value).replace(" ", "") == str(found).replace(" ", "")


def test_a_parameter_survives_being_written_down() -> None:
    texts = ["a=interval(0.0,0.5)", "+b=tag(log,interval(1,9.5))", "c=1,'x,y',null,[1,2]", "d=range(1,9,2)"]
    for parameter in read(*texts):
        assert Parameter.from_dict(json.loads(json.dumps(parameter.to_dict()))) == parameter


@pytest.mark.parametrize(
    "line", ["a='1',2", "a=choice('1',2)", "a=choice('a b','',c)", "a=choice('null','x,y')"]
)
def test_a_text_stays_the_text_that_it_is(line: str) -> None:
    (parameter,) = read(line)
    for value in parameter.values or ():
        (again,) = OverridesParser.create().parse_overrides([parameter.override(value)])
        assert again.value() == value
        assert type(again.value()) is type(value)


def test_combinations_are_in_the_order_of_the_line() -> None:
    found = list(combinations(read("a=1,2", "b=x", "c=range(0,3)")))
    assert found == [{"a": a, "c": c} for a in (1, 2) for c in (0, 1, 2)]
    assert list(combinations(read("b=x"))) == [{}]


def test_of_a_key_given_twice_the_last_counts() -> None:
    assert read("a=1,2", "++a=3") == ()
    assert [parameter.values for parameter in read("a=1,2", "b=5,6", "a=3,4")] == [(5, 6), (3, 4)]


def test_problems() -> None:
    assert not list(space_problems(read("a=1,2", "b=range(1,3)"), sampled=False))
    assert not list(space_problems(read("a=interval(1,2)"), sampled=True))
    assert "finite" in next(space_problems(read("a=interval(0,inf)"), sampled=True))
    assert len(list(space_problems(read("a=tag(log,interval(0,-1))", "b=1,1"), sampled=True))) == 3
    assert len(list(space_problems(read("a=tag(log,choice(1,2))", "sweep.trials=1,2"), sampled=True))) == 2
    assert "takes no step" in next(space_problems(read("a=tag(log,range(1,9,2))"), sampled=True))
