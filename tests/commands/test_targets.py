"""Functions as targets, by every command: nets in any form of output are as those that give a tensor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torchvision.models import squeezenet1_1

from pellucid.commands.embed.embed import embed
from pellucid.commands.evaluate import evaluate
from pellucid.commands.explain.explain import explain
from pellucid.commands.predict import predict
from pellucid.commands.train import train
from pellucid.commands.units import units
from pellucid.config.command_line import split
from pellucid.engine.loaded_run import restore
from pellucid.errors import UserError
from pellucid.run.folder import Run
from pellucid.run.resume import resumed_config
from tests.commands.export.runs import run_export
from tests.config import targets
from tests.config.lines import accepted, ask, problems
from tests.helpers import CONF, compose, make_run, metrics
from tests.task.outputs import FORMS

NAMED = ("model=own", "packages=[tests]")
FORMED = (*NAMED, "model._target_=tests.task.outputs.formed")
QUIET: dict[str, Any] = {"accelerator": "cpu", "out": None, "packages": ["tests"]}


def check_commands(run: Path, photo: Path) -> None:
    """Each does its work, and the exported forms agree with the net."""
    predictor = restore(run, accelerator="cpu", packages=["tests"]).predictor()
    pixels = torch.randint(0, 256, (3, 1, 8, 8), dtype=torch.uint8)
    scores = predictor.run(predictor.inputs(pixels))
    assert scores.shape == (3, 10)
    evaluate(str(run), checkpoint="best", split="test", data=None, **QUIET)
    rows = predict(str(run), images=str(photo), checkpoint="best", top=2, **QUIET)
    assert rows[0]["class"] in "0123456789"
    embed(str(run), data=None, **QUIET)
    units(str(run), data=None, count=1, steps=1, **QUIET)
    explain(str(run), images=str(photo), explainer=compose()["explainer"], **QUIET)
    run_export(run, format="onnx", packages=["tests"])  # which compares them with the net
    run_export(run, format="state_dict", packages=["tests"])
    resumed = resumed_config(
        Run.open(run), split([f"resume={run}", "trainer.max_epochs=2", *NAMED[1:]]), CONF
    )
    assert resumed is not None
    train(resumed, run, resume=True)
    assert len((run / "metrics.csv").read_text().splitlines()) == 3


@pytest.mark.parametrize("form", [pytest.param(f, marks=[pytest.mark.slow] * (f != FORMS[1])) for f in FORMS])
def test_every_view_and_command(tmp_path: Path, photo: Path, form: str) -> None:
    run = make_run(tmp_path / "run", *FORMED, f"+model.form={form}", "callbacks=default", "report=true")
    found = metrics(run)
    assert not [key for key in found if key.startswith("look/failed")]
    assert "formed on" in (run / "report.html").read_text()
    plain = make_run(tmp_path / "plain", *FORMED, "+model.form=tuple")
    assert found["val/loss"] == metrics(plain)["val/loss"], "the same net, whatever the form"
    check_commands(run, photo)


def test_a_function_is_as_its_class(tmp_path: Path, photo: Path) -> None:
    place = "tests.config.targets"
    one = make_run(tmp_path / "one", *NAMED, f"model._target_={place}.build_net", "+model.width=4")
    other = make_run(tmp_path / "other", *NAMED, f"model._target_={place}.Net", "+model.width=4")
    assert metrics(one)["val/loss"] == metrics(other)["val/loss"]
    check_commands(one, photo)
    targets.called.clear()
    with pytest.raises(UserError, match=r"build_net is not allowed there.*packages=\[tests\]"):
        restore(one)
    assert targets.called == [], "a run's folder alone has nothing called"


def test_the_other_groups(tmp_path: Path) -> None:
    place = "tests.config.targets"
    line = (
        "model=dnn",
        "recipe=plain",
        "model.hidden=[4]",
        "packages=[tests]",
        f"data._target_={place}.digits",
    )
    more = (f"+callbacks.stop._target_={place}.stop", f"+logger.mine._target_={place}.csv")
    steps = ("scheduler=step", "~scheduler.step_size", "~scheduler.gamma", "+scheduler.every=2")
    trained = (f"optimizer._target_={place}.sgd", f"scheduler._target_={place}.halve", *steps)
    run = make_run(tmp_path / "run", *line, *more, *trained, "trainer.max_epochs=3")
    assert (run / "mine" / "version_0" / "metrics.csv").is_file()
    rows = (run / "metrics.csv").read_text().splitlines()
    rate = rows[0].split(",").index("lr")
    assert [float(row.split(",")[rate]) for row in rows[1:]] == pytest.approx([1e-3, 1e-3, 5e-4])
    bad = compose(*line, f"optimizer._target_={place}.no_optimizer")
    with pytest.raises(UserError, match=r"optimizer: .*no_optimizer returned a list, expected an Optimizer"):
        train(bad, tmp_path / "bad")


def test_a_grey_image_and_a_net_of_torchvision(tmp_path: Path) -> None:
    config = compose("model=own", "model._target_=torchvision.models.squeezenet1_1")
    with pytest.raises(UserError, match=r"to have 3 channels.*resnet_finetune model.arch=<name> repeats"):
        train(config, tmp_path / "run")


def test_a_builder_of_torchvision_trains(tmp_path: Path, photos: Path) -> None:
    data = ("data=catdog", f"data.root={photos}", f"data.cache={tmp_path / 'cache'}", "data.image_size=32")
    target = "model._target_=torchvision.models.squeezenet1_1"
    run = make_run(tmp_path / "run", "model=own", target, *data, "data.batch_size=8")
    net = restore(run, accelerator="cpu").net
    assert net.num_classes == 2
    run_export(run, format="state_dict")
    squeezenet1_1(num_classes=2).load_state_dict(torch.load(run / "export" / "best.pt", weights_only=True))
    facts = json.loads((run / "export" / "best.pt.json").read_text())
    assert (facts["builder"], facts["arguments"]) == (target.partition("=")[2], {"num_classes": 2})
    assert np.isfinite(metrics(run)["val/loss"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["+model.wdth=4"], "model.wdth: build_net has no option 'wdth'. Did you mean 'width'?"),
        (["model.wdth=4"], "model.wdth: build_net has no option 'wdth'. Did you mean 'width'?"),
        (["+model.image_shap=[1,2,3]"], "Did you mean 'image_shape'?"),
        (
            ["model._target_=torchvision.models.resnet18", "+model.num_clases=3"],
            "Did you mean 'num_classes'?",
        ),
        (["model._target_=torchvision.models.resnet18", "+model.groups=two"], "expected a whole number"),
        (["model._target_=tests.config.targets.hands_on", "+model.sede=2"], "Did you mean 'seed'?"),
    ],
)
def test_a_line_is_checked_against_the_function(options: list[str], said: str) -> None:
    assert said in problems(*NAMED, "model._target_=tests.config.targets.build_net", *options)


def test_right_lines_and_no_torch() -> None:
    accepted(*NAMED, "model._target_=tests.config.targets.hands_on", "model.width=4", "+model.seed=2")
    done = ask(*NAMED, "model._target_=torchvision.models.resnet18", "+model.num_clases=3")
    assert done.returncode == 2
    assert done.stdout.endswith("False\n"), "torch was imported"
