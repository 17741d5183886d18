"""The YAML files: config groups and their words."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from torch.nn import Parameter
from torch.optim import SGD

from pellucid.callbacks.figure_logger import FigureLogger
from pellucid.config.build import parameters_of
from pellucid.config.signature import read_signature
from pellucid.data.augment.pipeline import OPERATIONS
from pellucid.data.digits import Digits
from pellucid.data.huggingface import HuggingFace
from pellucid.data.own import Own
from pellucid.engine.host import RunHost
from pellucid.explainer.grad_cam import GradCAM
from pellucid.model.autoencoder import Autoencoder
from pellucid.model.cnn import CNN
from pellucid.run.folder import Run
from tests.data.tables import write_photo_table
from tests.fakes import write_photos
from tests.helpers import CONF, ROOT, compose

OURS = ["model", "task", "data", "callbacks", "explainer", "logger", "scheduler", "average"]
THIRD_PARTY = ["optimizer", "trainer", "sweep"]
# What the wiring gives beside the YAML.
OFFERED = {
    *(
        "image_shape",
        "num_classes",
        "net",
        "optimizer",
        "scheduler",
        "seed",
        "mean",
        "std",
        "config",
        "figures",
        "run_name",
        "group",
        "save_dir",
        "total_steps",
        "steps_per_epoch",
    )
}


OF_EVERY_TASK = {"loss", "metrics", "monitor", "mode"}


@pytest.mark.parametrize("group", OURS)
def test_a_group_has_a_folder_of_code_and_of_tests(group: str) -> None:
    assert (ROOT / "src" / "pellucid" / group).is_dir()
    assert (ROOT / "tests" / group).is_dir()


def targets(group: str) -> list[tuple[str, dict[str, object]]]:
    found = []
    for path in sorted((CONF / group).glob("*.yaml")):
        config = OmegaConf.to_container(OmegaConf.load(path))
        nodes = [config, *config.values()] if isinstance(config, dict) else []
        found += [(path.stem, n) for n in nodes if isinstance(n, dict) and "_target_" in n]
    return found


def constructors(group: str) -> list[tuple[type, dict[str, Any]]]:
    """The classes of ours that a group's YAML files name, each with the options stated there."""
    found = []
    for _, node in targets(group):
        module, _, name = str(node["_target_"]).rpartition(".")
        if module.startswith("pellucid."):
            apart = ("_target_", "_partial_", "defaults")
            stated = {str(key): value for key, value in node.items() if key not in apart}
            found.append((getattr(import_module(module), name), stated))
    written = "".join(path.read_text() for path in (CONF / group).glob("*.yaml"))
    assert (
        len(found)
        == written.count("_target_: pellucid.")
        >= {"model": 6, "task": 2, "data": 5, "scheduler": 3, "average": 2}.get(group, 4)
    )
    return found


def options_of(cls: type) -> dict[str, inspect.Parameter]:
    """The parameters of a class, with those of its base that it hands on."""
    signature = read_signature(f"{cls.__module__}.{cls.__name__}")
    assert signature is not None
    assert not signature.open
    return {name: parameters_of(cls)[name] for name in signature.annotations}


@pytest.mark.parametrize("group", OURS)
def test_yaml_and_constructor_state_the_same_options_and_defaults(group: str) -> None:
    seed = OmegaConf.load(CONF / "train.yaml").seed
    for cls, stated in constructors(group):
        parameters = options_of(cls)
        left = set() if "__init__" in vars(cls) else OF_EVERY_TASK  # a user's YAML need not state them
        assert set(stated) | ((OFFERED | left) & set(parameters)) == set(parameters), cls
        kinds = {p.kind for name, p in parameters.items() if (group, name) != ("scheduler", "optimizer")}
        assert kinds <= {inspect.Parameter.KEYWORD_ONLY}, cls  # torch's schedulers have theirs first
        for key, value in stated.items():
            default = parameters[key].default
            of_others = {"${seed}": seed, "${augment}": {}, "???": inspect.Parameter.empty}
            expected = of_others.get(str(value), value)
            assert repr(list(default) if isinstance(default, tuple) else default) == repr(expected), (
                cls,
                key,
            )


def test_ones_own_data_have_the_options_of_what_is_around_them() -> None:
    stated = OmegaConf.to_container(OmegaConf.load(CONF / "data" / "own.yaml"))
    assert isinstance(stated, dict)
    assert stated.pop("_target_") == "???"
    parameters = {name: p.default for name, p in options_of(Own).items() if name != "make"}
    assert stated == {**parameters, "seed": "${seed}", "augment_options": "${augment}"}


def test_the_options_of_augmentations_are_those_of_their_classes() -> None:
    stated = OmegaConf.to_container(OmegaConf.load(CONF / "augment" / "default.yaml"))
    assert isinstance(stated, dict)
    assert list(stated) == list(OPERATIONS)
    for name, operation in OPERATIONS.items():
        defaults = {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in vars(operation()).items()
        }
        assert repr(stated[name]) == repr(defaults), name


@pytest.mark.parametrize("group", OURS)
def test_every_class_is_made_with_what_only_the_user_knows(group: str, tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", {"oak": 2, "elm": 2})
    write_photos(tmp_path / "eurosat" / "2750", {"Forest": 3, "River": 3})
    shape, made = (1, 40, 40), []
    given = {
        "image_shape": shape,
        "num_classes": 10,
        "mean": (0.5,),
        "std": (0.5,),
        "root": str(tmp_path / "photos"),
        "name": "EuroSAT",
        **{"optimizer": SGD([Parameter(torch.zeros(1))], lr=0.1), "total_steps": 9, "steps_per_epoch": 3},
        "path": str(write_photo_table(tmp_path / "table", 9)),
        "figures": FigureLogger(
            host=RunHost(run=Run(tmp_path), data=Digits()),
            seed=0,
            explainers={name: GradCAM() for name in ("grad_cam",)},
        ),
    }
    nets = {
        "Classification": CNN(image_shape=shape, num_classes=10),
        "Multilabel": CNN(image_shape=shape, num_classes=10),
        "Reconstruction": Autoencoder(image_shape=shape),
        "Regression": CNN(image_shape=shape, num_classes=10),
    }
    for cls, stated in constructors(group):
        needed = {n for n, p in options_of(cls).items() if p.default is p.empty}
        options = {name: nets[cls.__name__] if name == "net" else given[name] for name in needed}
        offline = {"weights": "none"} if "weights" in stated else {}  # its default is downloaded
        if "name" in needed:
            offline = {"root": str(tmp_path)}
        if cls is HuggingFace:  # of which one of two is needed
            offline = {"path": str(tmp_path / "photos")}
        made.append(cls(**options, **offline))
    assert made


@pytest.mark.parametrize("group", THIRD_PARTY)
def test_the_other_groups_hold_targets_of_libraries_but_for_muon(group: str) -> None:
    found = targets(group)
    assert found
    own = {str(node["_target_"]) for _, node in found if str(node["_target_"]).startswith("pellucid.")}
    assert own == ({"pellucid.optimizer.muon.Muon"} if group == "optimizer" else set())


@pytest.mark.parametrize("path", sorted(CONF.glob("*/*.yaml")), ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_every_choice_composes(path: Path) -> None:
    extra = {
        "image_folder": ["data.root=/x"],
        "torchvision": ["data.name=MNIST"],
        "table": ["data.path=/x"],
    }.get(path.stem, [])
    config = compose(f"{path.parent.name}={path.stem}", *extra)
    assert {"model", "data", "task", "trainer"} <= set(config)


def test_the_model_chooses_its_task() -> None:
    assert compose("model=autoencoder")["task"]["_target_"].endswith("Reconstruction")
    assert compose("model=cnn")["task"]["_target_"].endswith("Classification")
    forced = compose("model=autoencoder", "task=classification")
    assert forced["task"]["_target_"].endswith("Classification")
